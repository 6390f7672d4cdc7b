package main

import (
	"context"
	"fmt"
	"math/rand"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func connect(server string, options ...kgo.Opt) (*kgo.Client, error) {
	base := []kgo.Opt{kgo.SeedBrokers(server), kgo.RecordPartitioner(kgo.ManualPartitioner())}
	return kgo.NewClient(append(base, options...)...)
}

// administer runs a function with a client for administration.
func administer(server string, run func(*kadm.Client) error) error {
	client, err := connect(server)
	if err != nil {
		return err
	}
	defer client.Close()
	return run(kadm.NewClient(client))
}

// unique is a name that no other check has.
func unique(what string) string {
	return fmt.Sprintf("%s-%d-%d", what, time.Now().UnixNano(), rand.Int())
}

func create(ctx context.Context, server, topic string, partitions int32, configs map[string]*string) error {
	return administer(server, func(admin *kadm.Client) error {
		_, err := admin.CreateTopic(ctx, partitions, 1, configs, topic)
		return err
	})
}

// send sends records and checks that partition 0 gives them the offsets from 0 on.
func send(ctx context.Context, server string, records []*kgo.Record, options ...kgo.Opt) error {
	client, err := connect(server, options...)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.ProduceSync(ctx, records...).FirstErr()
}

func numbers(topic string, from, to, partitions int) []*kgo.Record {
	var records []*kgo.Record
	for number := from; number < to; number++ {
		records = append(records, &kgo.Record{
			Topic:     topic,
			Partition: int32(number % partitions),
			Value:     []byte(strconv.Itoa(number)),
		})
	}
	return records
}

func sendNumbers(ctx context.Context, server, topic string, count int) error {
	return send(ctx, server, numbers(topic, 0, count, 1))
}

func fill(ctx context.Context, server, topic string, from, to int) error {
	if from == 0 {
		if err := create(ctx, server, topic, 4, nil); err != nil {
			return err
		}
	}
	return send(ctx, server, numbers(topic, from, to, 4))
}

// at consumes partition 0 of a topic from an offset on.
func at(topic string, offset kgo.Offset) kgo.Opt {
	return kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: offset}})
}

// read polls until there are this many records.
func read(ctx context.Context, client *kgo.Client, count int) ([]*kgo.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollRecords(ctx, count-len(records))
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("%d of %d records: %w", len(records), count, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records, nil
}

// readFrom reads with a client of its own.
func readFrom(ctx context.Context, server string, count int, options ...kgo.Opt) ([]*kgo.Record, error) {
	client, err := connect(server, options...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return read(ctx, client, count)
}

// equal is an error where two values differ.
func equal[T comparable](what string, expected, actual T) error {
	if expected != actual {
		return fmt.Errorf("%s: expected %v, got %v", what, expected, actual)
	}
	return nil
}
