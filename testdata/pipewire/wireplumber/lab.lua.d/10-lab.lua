components = {}

function load_module(name, arguments)
  components[name] = { "libwireplumber-module-" .. name, type = "module", args = arguments }
end

function load_script(name, arguments)
  components[name] = { name, type = "script/lua", args = arguments }
end

load_module("metadata")
load_script("access/access-default.lua", { rules = {} })
load_module("default-nodes", { ["use-persistent-storage"] = false })
load_module("si-node")
load_module("si-audio-adapter")
load_module("si-standard-link")
-- Has no endpoints to make, but policy-node.lua wants to know what one is.
load_module("si-audio-endpoint")
load_module("default-nodes-api")
load_script("create-item.lua", {})
load_script("policy-node.lua", { ["move"] = true, ["follow"] = true })
