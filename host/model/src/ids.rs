//! Ids as types, so that a group's id is never sent where its name belongs.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// One deployment, from `shiftgate run` to its end. Text that sorts by start time.
    RunId
}
text_id! {
    /// A step inside a run, stable over retries and resumes: `setup`, `phase-1/deploy`, `phase-1/verify-1`, `wrap-up-1`, `rollback`.
    StepId
}
text_id! {
    /// An Elastigroup's id, `sig-` and eight hex digits. It comes from replies of Spot only.
    GroupId
}
text_id! {
    /// An Elastigroup's name. Names are not unique in Spot.
    GroupName
}
text_id! {
    /// An EC2 instance, `i-…`.
    InstanceId
}
text_id! {
    /// An Amazon Machine Image, `ami-…`.
    AmiId
}
text_id! {
    /// A Spot account, `act-…`.
    AccountId
}
text_id! {
    /// The token of one effect: the same on every attempt of it.
    EffectToken
}

text_id! {
    /// A load balancer's ARN.
    LoadBalancerArn
}
text_id! {
    /// A listener's ARN.
    ListenerArn
}
text_id! {
    /// A listener rule's ARN; the default rule has one too.
    RuleArn
}
text_id! {
    /// A target group's ARN: `arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<name>/<id>`.
    TargetGroupArn
}

impl TargetGroupArn {
    /// The group's name, as the ARN holds it; the whole ARN when it holds none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once(":targetgroup/").and_then(|(_, rest)| rest.split('/').next()).unwrap_or(&self.0)
    }
}

impl ListenerArn {
    /// The name of its load balancer, as the ARN holds it: `…:listener/app/<name>/<id>/<id>`; none when it holds none.
    #[must_use]
    pub fn load_balancer_name(&self) -> Option<&str> {
        self.0.split_once(":listener/app/")?.1.split('/').next()
    }
}
