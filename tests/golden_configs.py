"""How configurations of kerasnp and Keras are compared."""


def plain(value):
    """A configuration value without what may differ: names given by counting, and seeds of initializers."""
    if isinstance(value, dict):
        if str(value.get("module")).endswith("initializers"):
            return value["class_name"]
        if value.get("class_name") == "DTypePolicy":
            return value["config"]["name"]
        dropped = ("name", "quantization_config", "registered_name", "build_config")
        value = {k: plain(v) for k, v in value.items() if k not in dropped}
        if isinstance(value.get("axis"), list) and len(value["axis"]) == 1:
            value["axis"] = value["axis"][0]
        return value
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value
