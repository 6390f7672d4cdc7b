package main

import (
	"errors"
	"fmt"
	"math/rand"
	"strconv"
	"time"

	"github.com/IBM/sarama"
)

const patience = 30 * time.Second

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

// settings are those of all checks, with changes.
func settings(change func(*sarama.Config)) *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V4_1_0_0
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	if change != nil {
		change(config)
	}
	return config
}

// administer runs a function with a client for administration.
func administer(server string, run func(sarama.ClusterAdmin) error) error {
	admin, err := sarama.NewClusterAdmin([]string{server}, settings(nil))
	if err != nil {
		return err
	}
	return first(run(admin), admin.Close())
}

// unique is a name that no other check has.
func unique(what string) string {
	return fmt.Sprintf("%s-%d-%d", what, time.Now().UnixNano(), rand.Int())
}

func create(server, topic string, partitions int32, configs map[string]*string) error {
	return administer(server, func(admin sarama.ClusterAdmin) error {
		return admin.CreateTopic(topic, &sarama.TopicDetail{
			NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: configs,
		}, false)
	})
}

// send sends records. Each then knows the offset that it has been given.
func send(server string, records []*sarama.ProducerMessage, change func(*sarama.Config)) error {
	producer, err := sarama.NewSyncProducer([]string{server}, settings(change))
	if err != nil {
		return err
	}
	return first(producer.SendMessages(records), producer.Close())
}

func numbers(topic string, from, to, partitions int) []*sarama.ProducerMessage {
	var records []*sarama.ProducerMessage
	for number := from; number < to; number++ {
		records = append(records, &sarama.ProducerMessage{
			Topic:     topic,
			Partition: int32(number % partitions),
			Value:     sarama.StringEncoder(strconv.Itoa(number)),
		})
	}
	return records
}

func sendNumbers(server, topic string, count int) error {
	return send(server, numbers(topic, 0, count, 1), nil)
}

func fill(server, topic string, from, to int) error {
	if from == 0 {
		if err := create(server, topic, 4, nil); err != nil {
			return err
		}
	}
	return send(server, numbers(topic, from, to, 4), nil)
}

// readFrom reads this many records of partition 0 from an offset on.
func readFrom(server, topic string, offset int64, count int, change func(*sarama.Config)) ([]*sarama.ConsumerMessage, error) {
	consumer, err := sarama.NewConsumer([]string{server}, settings(change))
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(topic, 0, offset)
	if err != nil {
		return nil, err
	}
	defer partition.Close()
	var records []*sarama.ConsumerMessage
	late := time.After(patience)
	for len(records) < count {
		select {
		case record := <-partition.Messages():
			records = append(records, record)
		case <-late:
			return nil, fmt.Errorf("only %d of %d records came", len(records), count)
		}
	}
	return records, nil
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

// equal is an error where two values differ.
func equal[T comparable](what string, expected, actual T) error {
	if expected != actual {
		return fmt.Errorf("%s: expected %v, got %v", what, expected, actual)
	}
	return nil
}

func refused(expected sarama.KError, err error) error {
	if !errors.Is(err, expected) {
		return fmt.Errorf("expected %q, got %v", expected, err)
	}
	return nil
}
