//! Taking members out of a group.

use millrace_wire::messages::{LeaveGroupRequest, MemberIdentity};

use super::Admin;
use super::groups::refused;
use crate::error::ClientError;

/// From this version on members go by their instance ids, several at a time.
const INSTANCE_IDS_FROM: i16 = 3;

impl Admin {
    /// Takes static members, named by their `group.instance.id`, out of a group, so that others get
    /// their work before their sessions end. The reason is for the coordinator's log.
    ///
    /// # Errors
    ///
    /// As the group's coordinator says: `UNKNOWN_MEMBER_ID` for the first that is not there.
    pub async fn remove_members(
        &self,
        group: &str,
        instance_ids: &[&str],
        reason: &str,
    ) -> Result<(), ClientError> {
        self.retried(|| self.remove_members_once(group, instance_ids, reason))
            .await
    }

    async fn remove_members_once(
        &self,
        group: &str,
        instance_ids: &[&str],
        reason: &str,
    ) -> Result<(), ClientError> {
        let connection = self.coordinator(group).await?;
        let version = connection.version_from::<LeaveGroupRequest>(INSTANCE_IDS_FROM)?;
        let member = |instance_id: &&str| MemberIdentity {
            member_id: String::new(),
            group_instance_id: Some((*instance_id).to_owned()),
            reason: Some(reason.to_owned()),
        };
        let request = LeaveGroupRequest {
            group_id: group.to_owned(),
            members: instance_ids.iter().map(member).collect(),
            ..LeaveGroupRequest::default()
        };
        let answer = connection.call_in(version, &request).await?;
        let members = answer.members.iter().map(|member| member.error_code);
        let mut codes = std::iter::once(answer.error_code).chain(members);
        codes.find(|code| !code.is_ok()).map_or(Ok(()), |code| {
            Err(refused("cannot remove members of", group, code))
        })
    }
}
