//! Being told of partitions that come and go.

use async_trait::async_trait;

use super::Consumer;
use super::topic_partition::TopicPartition;

/// Called from within [`Consumer::poll`] when a rebalance changes what the consumer reads. The consumer may be asked
/// anything but to poll: offsets are committed and positions moved here.
///
/// If the poll is dropped half way through a callback, the callback is not repeated.
#[async_trait]
pub trait RebalanceListener: Send {
    /// These partitions are new. Reading starts at their committed offsets unless the consumer is told to seek.
    async fn assigned(&mut self, consumer: &mut Consumer, partitions: &[TopicPartition]) {
        let _ = (consumer, partitions);
    }

    /// These partitions are about to go to others. What is done with should be committed now.
    async fn revoked(&mut self, consumer: &mut Consumer, partitions: &[TopicPartition]) {
        let _ = (consumer, partitions);
    }

    /// These partitions have gone: others may read them already, and a commit would be refused.
    async fn lost(&mut self, consumer: &mut Consumer, partitions: &[TopicPartition]) {
        self.revoked(consumer, partitions).await;
    }
}
