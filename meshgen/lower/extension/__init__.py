"""Extensions: Wasm, Lua, rate limits, taps, external processing, filters and patches of Envoy's."""
