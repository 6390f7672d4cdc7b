package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// member stays in a group until its input ends.
func member(server, group, topic string) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		// Any end of the input is the end.
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	client, err := connect(server,
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Balancers(kgo.RangeBalancer()),
		kgo.SessionTimeout(6*time.Second),
		kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(announce()),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for ctx.Err() == nil {
		poll(ctx, client)
		client.AllowRebalance()
	}
	client.CloseAllowingRebalance()
}

// poll reads, prints and commits.
func poll(ctx context.Context, client *kgo.Client) {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	fetches := client.PollFetches(ctx)
	fetches.EachError(func(_ string, _ int32, err error) {
		if ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, err)
		}
	})
	fetches.EachRecord(func(record *kgo.Record) {
		fmt.Printf("record %d %d %s\n", record.Partition, record.Offset, record.Value)
	})
	if !fetches.Empty() {
		if err := client.CommitUncommittedOffsets(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "not committed:", err)
		}
	}
}

// announce prints all partitions whenever some are given. The range assignor gives them all anew each time.
func announce() func(context.Context, *kgo.Client, map[string][]int32) {
	var lock sync.Mutex
	return func(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
		lock.Lock()
		defer lock.Unlock()
		line := "assigned"
		for _, partitions := range assigned {
			slices.Sort(partitions)
			for _, partition := range partitions {
				line += fmt.Sprintf(" %d", partition)
			}
		}
		fmt.Println(line)
	}
}
