package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

type check struct {
	name string
	run  func(context.Context, string) error
}

var checks = []check{
	{"idempotent", idempotent},
	{"large", large},
	{"commit", commit},
	{"seek", seek},
	{"long poll", longPoll},
	{"topics", topics},
	{"partitions", partitions},
	{"configs", configs},
	{"delete records", deleteRecords},
	{"groups", groups},
	{"cluster", cluster},
}

func idempotent(ctx context.Context, server string) error {
	topic, count := unique("idempotent"), 20_000
	if err := create(ctx, server, topic, 1, nil); err != nil {
		return err
	}
	// Franz-go is idempotent unless told otherwise.
	if err := send(ctx, server, numbers(topic, 0, count, 1), kgo.ProducerBatchMaxBytes(4000)); err != nil {
		return err
	}
	committed := kgo.FetchIsolationLevel(kgo.ReadCommitted())
	records, err := readFrom(ctx, server, count, at(topic, kgo.NewOffset().AtStart()), committed)
	if err != nil {
		return err
	}
	for number, record := range records {
		if err := equal("value", strconv.Itoa(number), string(record.Value)); err != nil {
			return err
		}
	}
	return nil
}

func large(ctx context.Context, server string) error {
	topic, payload := unique("large"), noise(900_000)
	if err := create(ctx, server, topic, 1, nil); err != nil {
		return err
	}
	for name, codec := range codecs {
		if err := send(ctx, server, []*kgo.Record{{Topic: topic, Value: payload}}, kgo.ProducerBatchCompression(codec)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	records, err := readFrom(ctx, server, len(codecs), at(topic, kgo.NewOffset().AtStart()), kgo.FetchMaxPartitionBytes(1000))
	if err != nil {
		return err
	}
	for _, record := range records {
		if !bytes.Equal(record.Value, payload) {
			return fmt.Errorf("other bytes came back at %d", record.Offset)
		}
	}
	tooLarge := []*kgo.Record{{Topic: topic, Value: noise(2_000_000)}}
	return refused(kerr.MessageTooLarge, send(ctx, server, tooLarge, kgo.ProducerBatchMaxBytes(4_000_000)))
}

func commit(ctx context.Context, server string) error {
	topic, group := unique("commit"), unique("commit")
	if err := create(ctx, server, topic, 1, nil); err != nil {
		return err
	}
	if err := sendNumbers(ctx, server, topic, 10); err != nil {
		return err
	}
	options := []kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}
	first, err := connect(server, options...)
	if err != nil {
		return err
	}
	records, err := read(ctx, first, 4)
	if err == nil {
		err = first.CommitRecords(ctx, records...)
	}
	first.Close()
	if err != nil {
		return err
	}
	rest, err := readFrom(ctx, server, 6, options...)
	if err != nil {
		return err
	}
	return equal("the first record after the commit", int64(4), rest[0].Offset)
}

func seek(ctx context.Context, server string) error {
	topic, noon := unique("seek"), time.Now()
	if err := create(ctx, server, topic, 1, nil); err != nil {
		return err
	}
	records := numbers(topic, 0, 10, 1)
	for number, record := range records {
		record.Timestamp = noon.Add(time.Duration(number) * time.Second)
	}
	if err := send(ctx, server, records); err != nil {
		return err
	}
	client, err := connect(server, at(topic, kgo.NewOffset().At(7)), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer client.Close()
	first := func(expected int64) error {
		records, err := read(ctx, client, 1)
		if err != nil {
			return err
		}
		return equal("offset", expected, records[0].Offset)
	}
	if err := first(7); err != nil {
		return err
	}
	for _, offset := range []int64{2, 0, 9} {
		client.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {0: {Epoch: -1, Offset: offset}}})
		if err := first(offset); err != nil {
			return err
		}
	}
	// Beyond the end the reset policy decides: from the start.
	client.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {0: {Epoch: -1, Offset: 1000}}})
	if err := first(0); err != nil {
		return err
	}
	return administer(server, func(admin *kadm.Client) error {
		found, err := admin.ListOffsetsAfterMilli(ctx, noon.UnixMilli()+4500, topic)
		if err != nil {
			return err
		}
		offset, _ := found.Lookup(topic, 0)
		return equal("offset by time", int64(5), offset.Offset)
	})
}

func longPoll(ctx context.Context, server string) error {
	topic := unique("late")
	if err := create(ctx, server, topic, 1, nil); err != nil {
		return err
	}
	client, err := connect(server, at(topic, kgo.NewOffset().AtStart()), kgo.FetchMaxWait(5*time.Second))
	if err != nil {
		return err
	}
	defer client.Close()
	sent := make(chan error, 1)
	started := time.Now()
	time.AfterFunc(1500*time.Millisecond, func() { sent <- sendNumbers(ctx, server, topic, 1) })
	if _, err := read(ctx, client, 1); err != nil {
		return err
	}
	waited := time.Since(started)
	if waited < 1400*time.Millisecond || waited > 4*time.Second {
		return fmt.Errorf("the record came after %v", waited)
	}
	return <-sent
}

// noise is what no codec makes smaller, the same each time.
func noise(size int) []byte {
	noise := make([]byte, size)
	_, _ = rand.New(rand.NewSource(int64(size))).Read(noise)
	return noise
}

func refused(expected *kerr.Error, err error) error {
	if !errors.Is(err, expected) {
		return fmt.Errorf("expected %s, got %v", expected.Message, err)
	}
	return nil
}
