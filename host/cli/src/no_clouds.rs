//! A Spot account that cannot be called from here, since its credentials are not here: each call says why. A worker has one for
//! a run that it lacks the credentials of, so that the run ends as its failure strategy says instead of standing still.

use async_trait::async_trait;
use shiftgate_model::{
    Capacity, CloudError, Created, Deleted, Group, GroupId, GroupName, GroupSpec, Groups, InstanceHealth, Origin, Retry, Service,
};

/// Why there are no credentials.
pub(crate) struct NoClouds(pub(crate) String);

impl NoClouds {
    fn refuse<T>(&self, operation: &str) -> Result<T, CloudError> {
        let origin = Origin::NoCredentials(self.0.clone());
        Err(CloudError { service: Service::Spot, operation: operation.to_owned(), subject: None, origin, retry: Retry::Never })
    }
}

#[async_trait]
impl Groups for NoClouds {
    async fn list(&self) -> Result<Vec<Group>, CloudError> {
        self.refuse("ListGroups")
    }

    async fn read(&self, _id: &GroupId) -> Result<Option<Group>, CloudError> {
        self.refuse("ReadGroup")
    }

    async fn create(&self, _spec: &GroupSpec) -> Result<Created, CloudError> {
        self.refuse("CreateGroup")
    }

    async fn set_capacity(&self, _id: &GroupId, _capacity: Capacity) -> Result<(), CloudError> {
        self.refuse("UpdateCapacity")
    }

    async fn rename(&self, _id: &GroupId, _name: &GroupName) -> Result<(), CloudError> {
        self.refuse("RenameGroup")
    }

    async fn delete(&self, _id: &GroupId) -> Result<Deleted, CloudError> {
        self.refuse("DeleteGroup")
    }

    async fn health(&self, _id: &GroupId) -> Result<Vec<InstanceHealth>, CloudError> {
        self.refuse("ListInstanceHealth")
    }
}
