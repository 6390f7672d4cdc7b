package main

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

func topics(server string) error {
	topic := unique("topics")
	if err := create(server, topic, 3, nil); err != nil {
		return err
	}
	detail := func(replicas int16) *sarama.TopicDetail {
		return &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: replicas}
	}
	return administer(server, func(admin sarama.ClusterAdmin) error {
		listed, err := admin.ListTopics()
		if err != nil {
			return err
		}
		return first(
			equal("partitions", 3, listed[topic].NumPartitions),
			refused(sarama.ErrTopicAlreadyExists, admin.CreateTopic(topic, detail(1), false)),
			refused(sarama.ErrInvalidTopic, admin.CreateTopic("no/topic", detail(1), false)),
			refused(sarama.ErrInvalidReplicationFactor, admin.CreateTopic(topic+"-three", detail(3), false)),
			admin.CreateTopic(topic+"-validated", detail(1), true),
			admin.DeleteTopic(topic),
			refused(sarama.ErrUnknownTopicOrPartition, admin.DeleteTopic(topic)),
		)
	})
}

func partitions(server string) error {
	topic := unique("partitions")
	if err := create(server, topic, 1, nil); err != nil {
		return err
	}
	return administer(server, func(admin sarama.ClusterAdmin) error {
		if err := admin.CreatePartitions(topic, 4, nil, false); err != nil {
			return err
		}
		described, err := admin.DescribeTopics([]string{topic})
		if err != nil {
			return err
		}
		return first(
			equal("partitions", 4, len(described[0].Partitions)),
			refused(sarama.ErrInvalidPartitions, admin.CreatePartitions(topic, 2, nil, false)),
		)
	})
}

func configs(server string) error {
	topic := unique("configs")
	text := func(text string) *string { return &text }
	if err := create(server, topic, 1, map[string]*string{"cleanup.policy": text("compact")}); err != nil {
		return err
	}
	return administer(server, func(admin sarama.ClusterAdmin) error {
		described := func(key, value string) error {
			entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{key}})
			if err != nil {
				return err
			}
			return first(equal("entries", 1, len(entries)), equal(key, value, entries[0].Value))
		}
		// Apache Kafka's broker learns from its controller a moment later.
		expect := func(key, value string) error {
			end := time.Now().Add(patience)
			err := described(key, value)
			for err != nil && time.Now().Before(end) {
				time.Sleep(10 * time.Millisecond)
				err = described(key, value)
			}
			return err
		}
		alter := func(operation sarama.IncrementalAlterConfigsOperation, key string, value *string) error {
			return admin.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
				key: {Operation: operation, Value: value},
			}, false)
		}
		return first(
			expect("cleanup.policy", "compact"),
			alter(sarama.IncrementalAlterConfigsOperationSet, "retention.ms", text("3600000")),
			expect("retention.ms", "3600000"),
			alter(sarama.IncrementalAlterConfigsOperationAppend, "cleanup.policy", text("delete")),
			expect("cleanup.policy", "compact,delete"),
			alter(sarama.IncrementalAlterConfigsOperationDelete, "retention.ms", nil),
			expect("retention.ms", "604800000"),
			// The older call replaces all that was set before.
			admin.AlterConfig(sarama.TopicResource, topic, map[string]*string{"retention.bytes": text("1000000")}, false),
			expect("retention.bytes", "1000000"),
			expect("cleanup.policy", "delete"),
		)
	})
}

func deleteRecords(server string) error {
	topic := unique("delete-records")
	if err := first(create(server, topic, 1, nil), sendNumbers(server, topic, 10)); err != nil {
		return err
	}
	err := administer(server, func(admin sarama.ClusterAdmin) error {
		return admin.DeleteRecords(topic, map[int32]int64{0: 6})
	})
	if err != nil {
		return err
	}
	records, err := readFrom(server, topic, sarama.OffsetOldest, 4, nil)
	if err != nil {
		return err
	}
	return equal("first offset", int64(6), records[0].Offset)
}

func groups(server string) error {
	topic, group := unique("groups"), unique("groups")
	if err := first(create(server, topic, 1, nil), sendNumbers(server, topic, 5)); err != nil {
		return err
	}
	return administer(server, func(admin sarama.ClusterAdmin) error {
		committed := func(expected int64) error {
			response, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
			if err != nil {
				return err
			}
			return equal("committed", expected, response.GetBlock(topic, 0).Offset)
		}
		move := func(offset int64) error {
			offsets := map[string]map[int32]sarama.OffsetAndMetadata{topic: {0: {Offset: offset, LeaderEpoch: -1}}}
			_, err := admin.AlterConsumerGroupOffsets(group, offsets, nil)
			return err
		}
		if err := first(move(5), committed(5), move(2), committed(2)); err != nil {
			return err
		}
		listed, err := admin.ListConsumerGroups()
		if _, found := listed[group]; err == nil && !found {
			err = fmt.Errorf("%s is not listed", group)
		}
		if err != nil {
			return err
		}
		described, err := admin.DescribeConsumerGroups([]string{group})
		if err != nil {
			return err
		}
		return first(
			equal("state", "Empty", described[0].State),
			admin.DeleteConsumerGroupOffset(group, topic, 0),
			committed(-1),
			admin.DeleteConsumerGroup(group),
			refused(sarama.ErrGroupIDNotFound, admin.DeleteConsumerGroup(group)),
		)
	})
}

func cluster(server string) error {
	return administer(server, func(admin sarama.ClusterAdmin) error {
		brokers, _, err := admin.DescribeCluster()
		if err != nil {
			return err
		}
		folders, err := admin.DescribeLogDirs([]int32{brokers[0].ID()})
		return first(err, equal("brokers", 1, len(brokers)), equal("no folder", false, len(folders) == 0))
	})
}
