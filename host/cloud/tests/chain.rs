//! Whose credentials a call is signed with: AWS's own chain, in processes whose environment is made for it.
//!
//! The test starts itself again with that environment, and a server on loopback reads from the signature who called.

#[cfg(test)]
mod chain {
    use std::path::Path;
    use std::sync::{Arc, Mutex};
    use std::time::SystemTime;

    use secrecy::SecretString;
    use serde_json::{Value, json};
    use shiftgate_cloud::{AwsSigner, Elb, ElbConfig, ToSign};
    use shiftgate_model::Routes;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::process::Command;

    /// What the started process does: `{"profile": .., "endpoint": .., "keys": bool}`, or `{"sign": service, "profile": ..}`.
    const PART: &str = "SHIFTGATE_CHAIN_PART";
    const NOBODY: &str = "http://127.0.0.1:1";

    /// Makes one call, and prints what came of it.
    async fn call(part: &Value) {
        let text = |key: &str| part[key].as_str().map(str::to_owned);
        if let Some(service) = text("sign") {
            return sign(&service, text("profile").as_deref()).await;
        }
        let mut config = ElbConfig::new("eu-west-1");
        (config.profile, config.endpoint_url) = (text("profile"), text("endpoint"));
        if part["keys"] == true {
            config = config.with_static_credentials("AKIDHANDED", SecretString::from("secret".to_owned()));
        }
        match Elb::new(config).await.expect("a client").load_balancer("shop").await {
            Ok(found) => println!("called: {}", found.is_none()),
            Err(error) => println!("failed: {error}"),
        }
    }

    /// Signs a plugin's request, and prints by whose key.
    async fn sign(service: &str, profile: Option<&str>) {
        let (url, region) = ("https://monitoring.eu-west-1.amazonaws.com/", "eu-west-1");
        let request = ToSign { method: "POST", url, headers: &[], body: b"", service, region, profile };
        match AwsSigner::default().sign(&request, SystemTime::now()).await {
            Ok(headers) => println!("signed: {headers:?}"),
            Err(why) => println!("failed: {why}"),
        }
    }

    /// Knows no load balancer, and hands a container its credentials. Keeps the ids of the keys that signed.
    async fn server() -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let signed = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&signed);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                while !String::from_utf8_lossy(&bytes).contains("\r\n\r\n")
                    && stream.read_buf(&mut bytes).await.is_ok_and(|n| n > 0)
                {}
                let head = String::from_utf8_lossy(&bytes).into_owned();
                if let Some(id) = head.split("Credential=").nth(1).and_then(|rest| rest.split('/').next()) {
                    seen.lock().expect("no panic").push(id.to_owned());
                }
                let (status, body) = answer(&head);
                let ttl = "x-aws-ec2-metadata-token-ttl-seconds: 600";
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\n{ttl}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        (url, signed)
    }

    fn answer(head: &str) -> (u16, String) {
        let line = head.lines().next().unwrap_or_default();
        let role = |id: &str| {
            let role = json!({"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": id, "SecretAccessKey": "s", "Token": "t",
                "LastUpdated": "2026-01-01T00:00:00Z", "Expiration": "2999-01-01T00:00:00Z"});
            (200, role.to_string())
        };
        if line.contains(" /role ") {
            role("AKIDROLE")
        } else if line.contains(" /latest/api/token ") {
            (200, "token".to_owned())
        } else if line.contains("/iam/security-credentials/deployer ") {
            role("AKIDINSTANCE")
        } else if line.contains("/iam/security-credentials/ ") {
            (200, "deployer".to_owned())
        } else if line.starts_with("GET ") {
            (404, String::new())
        } else if head.contains("Credential=") {
            let body = "<ErrorResponse><Error><Code>LoadBalancerNotFound</Code><Message>none</Message></Error></ErrorResponse>";
            (400, body.to_owned())
        } else {
            // The only call that is not signed: a token of somebody else's for credentials.
            let keys = "<AccessKeyId>AKIDTOKEN</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>";
            let keys = format!("<Credentials>{keys}<Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>");
            let call = "AssumeRoleWithWebIdentity";
            (200, format!("<{call}Response><{call}Result>{keys}</{call}Result></{call}Response>"))
        }
    }

    /// What a process with this environment, and nothing else of ours, prints.
    async fn run(part: Value, environment: &[(&str, &str)]) -> String {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "chain::a_call_is_signed_as_its_environment_says", "--nocapture"]);
        command.env_clear().env(PART, part.to_string()).env("AWS_EC2_METADATA_DISABLED", "true");
        // A home of nobody, so that no file of whoever runs the tests is read.
        command.env("HOME", "/nonexistent").envs(environment.iter().copied()).kill_on_drop(true);
        let done = command.output().await.expect("it runs");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn write(folder: &Path, name: &str, text: &str) -> String {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the started process is told its part by its environment")]
    async fn a_call_is_signed_as_its_environment_says() {
        if let Ok(part) = std::env::var(PART) {
            return call(&serde_json::from_str(&part).expect("a part")).await;
        }
        let (url, signed) = server().await;
        let signer = async |part: Value, environment: &[(&str, &str)]| {
            signed.lock().expect("no panic").clear();
            let printed = run(part, environment).await;
            assert!(printed.contains("called: true"), "{printed}");
            signed.lock().expect("no panic").concat()
        };
        let folder = tempfile::tempdir().expect("a folder");
        let process = json!({"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "s"});
        let process = write(folder.path(), "process.json", &process.to_string());
        let files = [("staging", "AKIDSTAGING"), ("production", "AKIDPRODUCTION")]
            .map(|(name, id)| format!("[{name}]\naws_access_key_id = {id}\naws_secret_access_key = s\n"));
        let credentials = write(folder.path(), "credentials", &files.concat());
        let config = format!("[profile tool]\ncredential_process = /bin/cat {process}\n");
        let config = write(folder.path(), "config", &config);
        let files = [("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()), ("AWS_CONFIG_FILE", config.as_str())];
        let keys = [("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", "s")];
        let there = [("AWS_ENDPOINT_URL", url.as_str())];
        let nobody = [("AWS_ENDPOINT_URL", NOBODY), ("HTTP_PROXY", NOBODY), ("HTTPS_PROXY", NOBODY)];

        assert_eq!(signer(json!({}), &[keys.as_slice(), &there].concat()).await, "AKIDENVIRONMENT");
        let profile = |name: &'static str| [files.as_slice(), &[("AWS_PROFILE", name)], &there].concat();
        assert_eq!(signer(json!({}), &profile("staging")).await, "AKIDSTAGING");
        assert_eq!(signer(json!({}), &profile("tool")).await, "AKIDPROCESS");
        // A profile that is named outright stands above keys in the environment.
        let production = json!({"profile": "production"});
        assert_eq!(signer(production, &[keys.as_slice(), &files, &there].concat()).await, "AKIDPRODUCTION");
        let role = format!("{url}/role");
        let role = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", role.as_str())];
        // Neither the container's credentials nor a plain endpoint are asked for through a proxy.
        assert_eq!(signer(json!({"endpoint": url}), &[role.as_slice(), &nobody].concat()).await, "AKIDROLE");
        let instance = [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())];
        assert_eq!(signer(json!({"endpoint": url}), &[instance.as_slice(), &nobody].concat()).await, "AKIDINSTANCE");
        let token = write(folder.path(), "token", "e30.e30.e30");
        let token =
            [("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()), ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/deployer")];
        let sts = [("AWS_ENDPOINT_URL_STS", url.as_str())];
        assert_eq!(signer(json!({"endpoint": url}), &[token.as_slice(), &sts, &nobody].concat()).await, "AKIDTOKEN");
        // Keys that are handed in: nothing of the environment is read.
        let handed = json!({"keys": true, "endpoint": url});
        assert_eq!(signer(handed, &[keys.as_slice(), &files, &nobody].concat()).await, "AKIDHANDED");

        // A plugin's request, by the same rules.
        let signed = json!({"sign": "monitoring"});
        let printed = run(signed.clone(), &keys).await;
        assert!(printed.contains("Credential=AKIDENVIRONMENT/"), "{printed}");
        let production = json!({"sign": "monitoring", "profile": "production"});
        let printed = run(production, &[keys.as_slice(), &files].concat()).await;
        assert!(printed.contains("Credential=AKIDPRODUCTION/"), "{printed}");
        let printed = run(json!({"sign": "monitoring", "profile": "nobody"}), &[keys.as_slice(), &files].concat()).await;
        assert!(printed.contains("failed: profile `nobody` of AWS's shared files gives no credentials: "), "{printed}");
        let printed = run(signed, &[]).await;
        assert!(printed.contains("failed: AWS's own chain (environment, files, container, instance) finds no cred"), "{printed}");

        let printed = run(json!({"endpoint": url}), &[]).await;
        assert!(printed.contains("failed: ELB DescribeLoadBalancers for `shop`: there are no AWS credentials: "), "{printed}");
        let printed = run(json!({"endpoint": url, "profile": "nobody"}), &files).await;
        assert!(printed.contains("profile `nobody` of AWS's shared files gives no credentials: "), "{printed}");
    }
}
