-- Asks which test group a request belongs to, and tells the service.
function envoy_on_request(handle)
  local headers, group = handle:httpCall("bucket_tester", {
    [":method"] = "GET",
    [":path"] = "/",
    [":authority"] = "bucket-tester.shop.svc.cluster.local",
  }, "", 5000)
  handle:headers():add("x-test-group", group)
end
