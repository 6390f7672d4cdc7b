package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

func groupSettings(config *sarama.Config) {
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	// Commits share a connection with fetches, and wait behind one that waits for records.
	config.Consumer.MaxWaitTime = 50 * time.Millisecond
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
}

// member stays in a group until its input ends.
func member(server, group, topic string) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		// Any end of the input is the end.
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return join(ctx, server, group, topic, announcer{})
}

// join is in a group until the context ends. Every rebalance ends a session and begins the next.
func join(ctx context.Context, server, group, topic string, handler sarama.ConsumerGroupHandler) error {
	consumer, err := sarama.NewConsumerGroup([]string{server}, group, settings(groupSettings))
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		err := consumer.Consume(ctx, []string{topic}, handler)
		if err != nil && !errors.Is(err, context.Canceled) {
			return first(err, consumer.Close())
		}
	}
	return consumer.Close()
}

// announcer prints what a member is given and what it reads.
type announcer struct{}

func (announcer) Setup(session sarama.ConsumerGroupSession) error {
	line := "assigned"
	for _, partitions := range session.Claims() {
		slices.Sort(partitions)
		for _, partition := range partitions {
			line += fmt.Sprintf(" %d", partition)
		}
	}
	fmt.Println(line)
	return nil
}

func (announcer) Cleanup(sarama.ConsumerGroupSession) error {
	return nil
}

func (announcer) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case record, open := <-claim.Messages():
			if !open {
				return nil
			}
			fmt.Printf("record %d %d %s\n", record.Partition, record.Offset, record.Value)
			session.MarkMessage(record, "")
			session.Commit()
		case <-session.Context().Done():
			return nil
		}
	}
}
