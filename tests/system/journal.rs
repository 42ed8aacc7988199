//! Under systemd, log lines go to the journal with levels and fields. A datagram socket stands in for journald, in a
//! mount namespace of the test's own: what is tested is what the program sends.

use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use tempfile::tempdir;

use crate::process::IN_NAMESPACE;

mod needs_user_namespaces {
    use super::*;

    #[test]
    #[ignore = "needs user namespaces"]
    fn faults_go_to_the_journal_with_level_and_part() {
        let folder = tempdir().expect("a folder");
        let journal = UnixDatagram::bind(folder.path().join("socket")).expect("a socket");
        journal.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        // systemd.exec(5): JOURNAL_STREAM names device and inode of what standard error is connected to.
        let stderr = std::fs::File::create(folder.path().join("stderr")).expect("a file");
        let stream = stderr.metadata().map(|file| format!("{}:{}", file.dev(), file.ino())).expect("it is there");
        let script = format!(
            "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && mount --bind {0} /run/systemd/journal \
             && exec {1} run --source test --for 1 --api_domain http://127.0.0.1:1 --home_id 1 --token t --data_dir {0}/data",
            folder.path().display(),
            env!("CARGO_BIN_EXE_listener"),
        );
        let mut listener = Command::new(IN_NAMESPACE[0])
            .args(&IN_NAMESPACE[1..])
            .args(["sh", "-c", &script])
            .env("JOURNAL_STREAM", stream)
            .stderr(stderr)
            .spawn()
            .expect("it starts");
        let mut entry = vec![0; 64 << 10];
        let fault = std::iter::repeat_with(|| {
            let length = journal.recv(&mut entry).expect("the fault reaches the journal");
            String::from_utf8_lossy(&entry[..length]).into_owned()
        })
        .find(|entry| entry.contains("cannot be reached"))
        .expect("there is no end to the entries");
        listener.kill().and_then(|()| listener.wait()).expect("it ends");
        // Priority 4 is a warning (sd-daemon(3)); a field by name, length and value (systemd, JOURNAL_NATIVE_PROTOCOL).
        assert!(fault.contains("PRIORITY=4") && fault.contains("\nPART\n\u{3}\0\0\0\0\0\0\0API\n"), "{fault}");
        let shown = std::fs::read_to_string(folder.path().join("stderr")).expect("readable");
        assert_eq!(shown, "", "what is in the journal is not said twice");
    }
}
