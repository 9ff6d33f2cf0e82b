local function on_request(handle)
end
