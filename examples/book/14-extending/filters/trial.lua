-- Asks who takes part in a trial, and hands the answer on to the plays.
function envoy_on_request(handle)
  local headers = {[":method"] = "GET", [":path"] = "/", [":authority"] = "trials.theatre.svc.cluster.local"}
  local _, body = handle:httpCall("trials", headers, "", 1000)
  handle:headers():add("x-trial", body)
end

function envoy_on_response(handle)
  handle:headers():add("x-served-by", "the plays")
end
