//! What is built again after an edit, and what is not: a script's builder is counted, which takes no tools of its language.

use std::fs;
use std::path::Path;

use super::{Desk, refused};
use crate::program::plugins;

/// A builder of Python plugins that makes other bytes each time: a component that is there already, and a section that counts.
fn counting_builder(dir: &Path, count: &Path) {
    let script = format!(
        "#!/bin/sh\necho x >> {count}\ncp {component} .build/plugin.wasm\n\
         printf '\\000\\004\\001a%02d' $(wc -l < {count}) >> .build/plugin.wasm\n",
        count = count.display(),
        component = plugins().join("http-check.wasm").display(),
    );
    let tool = dir.join(".venv/bin/componentize-py");
    fs::create_dir_all(tool.parent().expect("a folder")).expect("a folder");
    fs::write(&tool, script).expect("a file");
    fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
}

/// The digest in what a command printed.
fn digest(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("sha256:")).expect("a digest").trim()
}

#[tokio::test]
async fn what_was_built_of_the_same_sources_is_not_built_again() {
    let desk = Desk::new();
    desk.does(desk.home.path(), &["plugin", "new", "--kind", "verification", "--lang", "python", "queue"]).await;
    let (dir, count) = (desk.path("queue"), desk.path("count"));
    counting_builder(&dir, &count);
    let builds = || fs::read_to_string(&count).expect("a count").lines().count();
    let built = desk.does(&dir, &["plugin", "build"]).await;
    let edit = |file: &str, from: &str, to: &str| {
        let (path, text) = (dir.join(file), fs::read_to_string(dir.join(file)).expect("a source"));
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replacen(from, to, 1)).expect("a source");
    };
    edit("scenarios/passes.yaml", "12", "13");
    let checked = desk.does(&dir, &["plugin", "check"]).await;
    assert_eq!((digest(&checked), builds()), (digest(&built), 1), "the digest that was printed stays");
    edit("plugin.py", "messages wait", "messages are there");
    let checked = desk.does(&dir, &["plugin", "check"]).await;
    assert_ne!(digest(&checked), digest(&built));
    edit("manifest.json", "\"minimum\": 0", "\"minimum\": 7");
    desk.does(&dir, &["plugin", "check"]).await;
    edit("vendor/sdk/python/shiftgate_sdk/step.py", "\n", "\n\n");
    desk.does(&dir, &["plugin", "check"]).await;
    assert_eq!(builds(), 4, "each edit was seen");
    // What lies beside the sources is the component of them again, whoever took it away.
    fs::remove_file(dir.join("queue.wasm")).expect("a component");
    desk.does(&dir, &["plugin", "check"]).await;
    assert!(dir.join("queue.wasm").is_file() && builds() == 4);
    desk.does(&dir, &["plugin", "build"]).await;
    assert_eq!(builds(), 5, "who asks for a build gets one");

    // What the manifest says against its own schema is found where it is built.
    edit("manifest.json", "\"default\": 3", "\"default\": 0");
    edit("manifest.json", "\"from_config\": \"/url\"", "\"from_config\": \"/urll\"");
    let words = ["`from_config` is `/urll`", "/config/properties/tries: the `default`", "0 is less than the minimum of 1"];
    refused(&desk.run(&dir, &["plugin", "build"]).await, 11, &words);
    let checked = desk.run(&dir, &["plugin", "check", "./queue.wasm"]).await;
    assert_eq!(checked.exit, 0, "the one before still lies there: {}{}", checked.stdout, checked.stderr);
    fs::copy(dir.join(".build/plugin.wasm"), dir.join("bad.wasm")).expect("a copy");
    let checked = desk.run(&dir, &["plugin", "check", "./bad.wasm"]).await;
    assert_eq!(checked.exit, 11, "{}", checked.stderr);
    assert!(words.iter().all(|words| checked.stdout.contains(words)), "{}", checked.stdout);
}
