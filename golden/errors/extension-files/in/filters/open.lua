function envoy_on_request(handle)
  if handle:headers():get("x-shop") then
    handle:logInfo("open")
end
