function envoy_on_request(h)
  h:logInfo("ÿ")
end
