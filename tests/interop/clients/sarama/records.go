package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"strconv"
	"time"

	"github.com/IBM/sarama"
)

type check struct {
	name string
	run  func(string) error
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

func idempotent(server string) error {
	topic, count := unique("idempotent"), 20_000
	if err := create(server, topic, 1, nil); err != nil {
		return err
	}
	records := numbers(topic, 0, count, 1)
	err := send(server, records, func(config *sarama.Config) {
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
		config.Producer.Flush.MaxMessages = 500
	})
	if err != nil {
		return err
	}
	read, err := readFrom(server, topic, sarama.OffsetOldest, count, func(config *sarama.Config) {
		config.Consumer.IsolationLevel = sarama.ReadCommitted
	})
	if err != nil {
		return err
	}
	for number, record := range read {
		if err := equal("value", strconv.Itoa(number), string(record.Value)); err != nil {
			return err
		}
		if err := equal("offset", int64(number), records[number].Offset); err != nil {
			return err
		}
	}
	return nil
}

func large(server string) error {
	topic, payload := unique("large"), noise(900_000)
	if err := create(server, topic, 1, nil); err != nil {
		return err
	}
	record := func(value []byte) []*sarama.ProducerMessage {
		return []*sarama.ProducerMessage{{Topic: topic, Value: sarama.ByteEncoder(value)}}
	}
	for name, codec := range codecs {
		err := send(server, record(payload), func(config *sarama.Config) { config.Producer.Compression = codec })
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	records, err := readFrom(server, topic, sarama.OffsetOldest, len(codecs), nil)
	if err != nil {
		return err
	}
	for _, record := range records {
		if !bytes.Equal(record.Value, payload) {
			return fmt.Errorf("other bytes came back at %d", record.Offset)
		}
	}
	err = send(server, record(noise(2_000_000)), func(config *sarama.Config) { config.Producer.MaxMessageBytes = 4_000_000 })
	if failures, ok := err.(sarama.ProducerErrors); ok {
		err = failures[0].Err
	}
	return refused(sarama.ErrMessageSizeTooLarge, err)
}

func commit(server string) error {
	topic, group := unique("commit"), unique("commit")
	if err := first(create(server, topic, 1, nil), sendNumbers(server, topic, 10)); err != nil {
		return err
	}
	for _, reader := range []*upTo{{last: 3}, {last: 9}} {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		reader.stop = cancel
		if err := join(ctx, server, group, topic, reader); err != nil {
			return err
		}
		expected := map[int64]int64{3: 0, 9: 4}[reader.last]
		if len(reader.read) == 0 {
			return fmt.Errorf("nothing was read up to %d", reader.last)
		}
		if err := equal("the first offset", expected, reader.read[0]); err != nil {
			return err
		}
	}
	return nil
}

// upTo reads up to an offset, commits it and stops.
type upTo struct {
	last int64
	stop context.CancelFunc
	read []int64
}

func (*upTo) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*upTo) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (reader *upTo) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for record := range claim.Messages() {
		reader.read = append(reader.read, record.Offset)
		if record.Offset == reader.last {
			session.MarkMessage(record, "here")
			session.Commit()
			reader.stop()
			return nil
		}
	}
	return nil
}

func seek(server string) error {
	topic, noon := unique("seek"), time.Now()
	if err := create(server, topic, 1, nil); err != nil {
		return err
	}
	records := numbers(topic, 0, 10, 1)
	for number, record := range records {
		record.Timestamp = noon.Add(time.Duration(number) * time.Second)
	}
	if err := send(server, records, nil); err != nil {
		return err
	}
	for _, offset := range []int64{7, 0, 9} {
		read, err := readFrom(server, topic, offset, 1, nil)
		if err := first(err); err != nil {
			return err
		}
		if err := equal("offset", offset, read[0].Offset); err != nil {
			return err
		}
	}
	_, beyond := readFrom(server, topic, 1000, 1, nil)
	client, err := sarama.NewClient([]string{server}, settings(nil))
	if err != nil {
		return err
	}
	defer client.Close()
	found := func(time, expected int64) error {
		offset, err := client.GetOffset(topic, 0, time)
		return first(err, equal("offset by time", expected, offset))
	}
	return first(
		refused(sarama.ErrOffsetOutOfRange, beyond),
		found(sarama.OffsetOldest, 0),
		found(sarama.OffsetNewest, 10),
		found(noon.UnixMilli()+4500, 5),
	)
}

func longPoll(server string) error {
	topic := unique("late")
	if err := create(server, topic, 1, nil); err != nil {
		return err
	}
	sent := make(chan error, 1)
	started := time.Now()
	time.AfterFunc(1500*time.Millisecond, func() { sent <- sendNumbers(server, topic, 1) })
	_, err := readFrom(server, topic, sarama.OffsetOldest, 1, func(config *sarama.Config) {
		config.Consumer.MaxWaitTime = 5 * time.Second
	})
	if err != nil {
		return err
	}
	if waited := time.Since(started); waited < 1400*time.Millisecond {
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
