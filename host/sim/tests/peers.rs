//! Independent clients against the simulated account: the vendor's own, unchanged. Each needs packages of its own and
//! runs where an environment variable says where they are; docs of the scripts in `tests/peers` say what is checked.

#[cfg(test)]
mod peers {
    use std::path::Path;

    use shiftgate_sim::{HealthPlan, Image, Ports, Sim, World};
    use tokio::process::Command;

    const PYTHON: &str = "SHIFTGATE_PEERS_PYTHON";
    const NODE: &str = "SHIFTGATE_PEERS_NODE";

    #[expect(clippy::disallowed_methods, reason = "where a peer's packages are is known to the environment only")]
    fn place(variable: &str, what: &str) -> Option<String> {
        let place = std::env::var(variable).ok().filter(|place| !place.is_empty());
        if place.is_none() {
            println!("skipped: {variable} is not set; it names {what}");
        }
        place
    }

    async fn account() -> Sim {
        let stuck = Image { health: HealthPlan::Never, ..Image::default() };
        let world = World { images: [("ami-stuck".to_owned(), stuck)].into(), ..World::instant() };
        Sim::start(world, Ports::default()).await.expect("start")
    }

    async fn passes(mut command: Command) {
        let done = command.output().await.expect("the peer starts");
        let (output, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        println!("{output}");
        assert!(done.status.success(), "{output}{errors}");
    }

    fn script(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers").join(name)
    }

    #[tokio::test]
    async fn the_vendors_python_client_works_unchanged() {
        let Some(python) = place(PYTHON, "a python that has tests/peers/requirements.txt installed") else { return };
        let sim = account().await;
        let mut command = Command::new(python);
        command.arg(script("spot_python.py")).arg(sim.spot_url());
        passes(command).await;
        sim.stop().await;
    }

    #[tokio::test]
    async fn the_vendors_node_client_works_unchanged() {
        let Some(packages) = place(NODE, "a directory that has tests/peers/package.json installed") else { return };
        let sim = account().await;
        let mut command = Command::new("node");
        command.arg(script("spot_node.mjs")).arg(sim.spot_url()).arg(packages);
        passes(command).await;
        sim.stop().await;
    }
}
