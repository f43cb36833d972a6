use super::*;

const NOON: Timestamp = Timestamp(1_795_608_000_000);

#[test]
fn a_held_folder_names_its_holder_and_is_free_again_afterwards() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("deep/data");
    let first = DataFolder::hold(&path, NOON).unwrap();
    let refused = DataFolder::hold(&path, NOON).unwrap_err().to_string();
    let expected = format!(
        "data folder {} is in use by process {}, started {}",
        path.display(),
        std::process::id(),
        NOON.to_rfc3339()
    );
    assert_eq!(refused, expected);
    drop(first);
    DataFolder::hold(&path, NOON).unwrap();
}

#[test]
fn a_folder_that_others_could_read_becomes_private() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("data");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let held = DataFolder::hold(&path, NOON).unwrap();
    assert_eq!(fs::metadata(held.path()).unwrap().permissions().mode() & 0o777, PRIVATE);
}
