package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func topics(ctx context.Context, server string) error {
	topic := unique("topics")
	if err := create(ctx, server, topic, 3, nil); err != nil {
		return err
	}
	return administer(server, func(admin *kadm.Client) error {
		listed, err := admin.ListTopics(ctx, topic)
		if err != nil {
			return err
		}
		if err := equal("partitions", 3, len(listed[topic].Partitions)); err != nil {
			return err
		}
		_, exists := admin.CreateTopic(ctx, 1, 1, nil, topic)
		_, name := admin.CreateTopic(ctx, 1, 1, nil, "no/topic")
		_, replicas := admin.CreateTopic(ctx, 1, 3, nil, topic+"-three")
		_, deleted := admin.DeleteTopic(ctx, topic)
		_, unknown := admin.DeleteTopic(ctx, topic)
		if deleted != nil {
			return deleted
		}
		return first(
			refused(kerr.TopicAlreadyExists, exists),
			refused(kerr.InvalidTopicException, name),
			refused(kerr.InvalidReplicationFactor, replicas),
			refused(kerr.UnknownTopicOrPartition, unknown),
		)
	})
}

func partitions(ctx context.Context, server string) error {
	topic := unique("partitions")
	if err := create(ctx, server, topic, 1, nil); err != nil {
		return err
	}
	return administer(server, func(admin *kadm.Client) error {
		responses, err := admin.CreatePartitions(ctx, 3, topic)
		if err := first(err, responses.Error()); err != nil {
			return err
		}
		listed, err := admin.ListTopics(ctx, topic)
		return first(err, equal("partitions", 4, len(listed[topic].Partitions)))
	})
}

func configs(ctx context.Context, server string) error {
	topic := unique("configs")
	if err := create(ctx, server, topic, 1, map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}); err != nil {
		return err
	}
	return administer(server, func(admin *kadm.Client) error {
		expect := func(key, value string) error {
			described, err := admin.DescribeTopicConfigs(ctx, topic)
			if err != nil {
				return err
			}
			resource, err := described.On(topic, nil)
			if err := first(err, resource.Err); err != nil {
				return err
			}
			for _, config := range resource.Configs {
				if config.Key == key {
					return equal(key, value, config.MaybeValue())
				}
			}
			return fmt.Errorf("there is no %s", key)
		}
		alter := func(change kadm.AlterConfig) error {
			responses, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{change}, topic)
			if err != nil {
				return err
			}
			return responses[0].Err
		}
		return first(
			expect("cleanup.policy", "compact"),
			alter(kadm.AlterConfig{Name: "retention.ms", Value: kadm.StringPtr("3600000")}),
			expect("retention.ms", "3600000"),
			alter(kadm.AlterConfig{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: kadm.StringPtr("delete")}),
			expect("cleanup.policy", "compact,delete"),
			alter(kadm.AlterConfig{Op: kadm.DeleteConfig, Name: "retention.ms"}),
			expect("retention.ms", "604800000"),
			refused(kerr.InvalidConfig, alter(kadm.AlterConfig{Name: "retention.ms", Value: kadm.StringPtr("soon")})),
		)
	})
}

func deleteRecords(ctx context.Context, server string) error {
	topic := unique("delete-records")
	if err := first(create(ctx, server, topic, 1, nil), sendNumbers(ctx, server, topic, 10)); err != nil {
		return err
	}
	err := administer(server, func(admin *kadm.Client) error {
		offsets := kadm.Offsets{}
		offsets.AddOffset(topic, 0, 6, -1)
		responses, err := admin.DeleteRecords(ctx, offsets)
		if err := first(err, responses.Error()); err != nil {
			return err
		}
		return equal("low watermark", int64(6), responses[topic][0].LowWatermark)
	})
	if err != nil {
		return err
	}
	records, err := readFrom(ctx, server, 4, at(topic, kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	return equal("first offset", int64(6), records[0].Offset)
}

func groups(ctx context.Context, server string) error {
	topic, group := unique("groups"), unique("groups")
	if err := first(create(ctx, server, topic, 1, nil), sendNumbers(ctx, server, topic, 5)); err != nil {
		return err
	}
	client, err := connect(server, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	_, err = read(ctx, client, 5)
	if err == nil {
		err = client.CommitUncommittedOffsets(ctx)
	}
	if err != nil {
		client.Close()
		return err
	}
	return administer(server, func(admin *kadm.Client) error {
		described, err := admin.DescribeGroups(ctx, group)
		_, inUse := admin.DeleteGroup(ctx, group)
		client.Close()
		if err := first(err, equal("state", "Stable", described[group].State), refused(kerr.NonEmptyGroup, inUse)); err != nil {
			return err
		}
		listed, err := admin.ListGroups(ctx)
		if err != nil {
			return err
		}
		if !slices.Contains(listed.Groups(), group) {
			return fmt.Errorf("%s is not listed", group)
		}
		return offsetsOfGroup(ctx, admin, topic, group)
	})
}

// offsetsOfGroup moves and deletes what a group has committed, and then the group.
func offsetsOfGroup(ctx context.Context, admin *kadm.Client, topic, group string) error {
	committed := func(expected int64) error {
		offsets, err := admin.FetchOffsets(ctx, group)
		offset, _ := offsets.Lookup(topic, 0)
		return first(err, equal("committed", expected, offset.At))
	}
	moved := kadm.Offsets{}
	moved.AddOffset(topic, 0, 2, -1)
	if err := committed(5); err != nil {
		return err
	}
	responses, err := admin.CommitOffsets(ctx, group, moved)
	if err := first(err, responses.Error(), committed(2)); err != nil {
		return err
	}
	_, deleted := admin.DeleteOffsets(ctx, group, kadm.TopicsSet{topic: {0: {}}})
	_, gone := admin.DeleteGroup(ctx, group)
	_, again := admin.DeleteGroup(ctx, group)
	return first(deleted, gone, refused(kerr.GroupIDNotFound, again))
}

func cluster(ctx context.Context, server string) error {
	return administer(server, func(admin *kadm.Client) error {
		metadata, err := admin.BrokerMetadata(ctx)
		if err != nil {
			return err
		}
		folders, err := admin.DescribeAllLogDirs(ctx, nil)
		for _, broker := range folders {
			err = first(err, broker.Error())
		}
		return first(err, equal("brokers", 1, len(metadata.Brokers)), equal("no cluster id", false, metadata.Cluster == ""))
	})
}

// first is the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
