use std::fs;

use super::*;

#[tokio::test]
async fn lines_are_appended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.txt");
    for _ in 0..2 {
        let mut output = Output::open(path.clone()).unwrap();
        let buffer = output.write(b"a\nb\n".to_vec()).await.unwrap();
        assert!(buffer.is_empty());
    }
    assert_eq!(fs::read_to_string(path).unwrap(), "a\nb\na\nb\n");
}

#[tokio::test]
async fn a_torn_line_is_ended_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.txt");
    fs::write(&path, "whole\nto").unwrap();
    Output::open(path.clone())
        .unwrap()
        .write(b"torn\n".to_vec())
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "whole\nto\ntorn\n");
}

#[test]
fn a_missing_folder_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("none");
    let error = Output::open(folder.join("out.txt")).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with(&format!("the folder {} does not exist", folder.display())),
        "{error}"
    );
}

#[test]
fn a_folder_is_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let error = Output::open(dir.path().to_owned()).unwrap_err();
    assert!(error.trace().contains("cannot open"), "{}", error.trace());
}

#[tokio::test]
async fn a_full_disk_is_an_error_that_names_the_file() {
    let mut output = Output::open("/dev/full".into()).unwrap();
    let error = output.write(b"line\n".to_vec()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot write 5 bytes to /dev/full");
    assert!(error.trace().contains("No space left"), "{}", error.trace());
}
