# Without the keys of whoever builds nothing is built.
# nooelint: oelint.task.noanonpython - a recipe can be skipped, with a reason, nowhere else
python () {
    folder = d.getVar("LISTENER_KEYS")
    names = ("update.key.pem", "update.cert.pem", "authority.cert.pem")
    missing = [name for name in names if not os.path.exists(os.path.join(folder, name))]
    if d.getVar("DISTRO") == "listener" and missing:
        raise bb.parse.SkipRecipe(
            "there is no %s in LISTENER_KEYS (%s): updates have to be signed. Make keys once, keep them safe, and name "
            "their folder: yocto/make-keys FOLDER; LISTENER_KEYS=FOLDER kas build yocto/kas.yml" % (missing[0], folder))
}
