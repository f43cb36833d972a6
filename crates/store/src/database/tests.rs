use super::*;
use ebb_model::Timestamp;

#[tokio::test]
async fn each_commit_of_sqlite_reaches_the_disk_before_it_is_acknowledged() {
    let root = tempfile::tempdir().unwrap();
    let folder = DataFolder::hold(root.path(), Timestamp(0)).unwrap();
    let (readers, writers) = open_sqlite(&folder).await.unwrap();
    let mut session = writers.session().await.unwrap();
    let journal = session.row("PRAGMA journal_mode", &[]).await.unwrap().unwrap().text(0).unwrap();
    // 2 is FULL. Source: sqlite.org, "PRAGMA synchronous".
    let synchronous = session.row("PRAGMA synchronous", &[]).await.unwrap().unwrap().int(0).unwrap();
    assert_eq!((journal.as_str(), synchronous), ("wal", 2));
    let mut reader = readers.session().await.unwrap();
    reader.execute("DELETE FROM work", &[]).await.unwrap_err();
}

#[tokio::test]
async fn deletions_are_forgotten_after_many_changes() {
    let root = tempfile::tempdir().unwrap();
    let folder = Arc::new(DataFolder::hold(root.path(), Timestamp(0)).unwrap());
    let (_readers, writers) = open_sqlite(&folder).await.unwrap();
    let mut session = writers.session().await.unwrap();
    for sql in [
        "INSERT INTO records VALUES ('k', 'old', 2, 5, NULL), ('k', 'kept', 1, 6, 'x'), ('k', 'new', 2, 7, NULL)",
        "UPDATE record_changes SET last = 100006",
    ] {
        session.execute(sql, &[]).await.unwrap();
    }
    drop(session);
    writers.close().await;
    let database = Arc::new(Database::open(folder, None).await.unwrap());
    let records = crate::Records::new(Arc::clone(&database));
    assert_eq!(records.changes_since(5).await.unwrap(), crate::Changes::Forgotten);
    let crate::Changes::Since(changes) = records.changes_since(6).await.unwrap() else { panic!() };
    assert_eq!(changes.iter().map(|change| change.key.as_str()).collect::<Vec<_>>(), ["new"]);
    database.close().await;
}
