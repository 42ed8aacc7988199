# What Cargo.lock names is what is fetched, each crate with its checksum: no list to keep in step. CARGO_LOCK says which one.
# nooelint: oelint.task.noanonpython - checksums are flags, which an expression cannot set
python () {
    import tomllib
    lock = d.getVar("CARGO_LOCK")
    bb.parse.mark_dependency(d, lock)
    with open(lock, "rb") as file:
        packages = tomllib.load(file)["package"]
    for package in packages:
        if "registry" not in package.get("source", ""):
            continue
        name, version = package["name"], package["version"]
        d.appendVar("SRC_URI", f" crate://crates.io/{name}/{version}")
        d.setVarFlag("SRC_URI", f"{name}-{version}.sha256sum", package["checksum"])
}
