package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const standardCount = 1000

func standard(topic string, number int) *kgo.Record {
	record := &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "key-%d", number)}
	switch number % 5 {
	case 0:
		record.Key = nil
	case 1:
		record.Key = []byte{}
	}
	record.Value = fmt.Appendf(nil, "%d größe 日本 %s", number, strings.Repeat("x", number%300))
	switch {
	case number%7 == 0 && number%5 != 0:
		record.Value = nil
	case number%7 == 1:
		record.Value = []byte{}
	}
	switch number % 3 {
	case 1:
		record.Headers = []kgo.RecordHeader{{Key: "number", Value: []byte(strconv.Itoa(number))}}
	case 2:
		record.Headers = []kgo.RecordHeader{
			{Key: "h", Value: []byte("1")}, {Key: "h", Value: []byte("2")}, {Key: "empty", Value: []byte{}},
		}
	}
	return record
}

func produceStandard(ctx context.Context, server, topic, codec string) error {
	if err := create(ctx, server, topic, 1, nil); err != nil {
		return err
	}
	var records []*kgo.Record
	for number := range standardCount {
		records = append(records, standard(topic, number))
	}
	return send(ctx, server, records, kgo.ProducerBatchCompression(codecs[codec]), kgo.ProducerLinger(50*time.Millisecond))
}

func consumeStandard(ctx context.Context, server, topic string) error {
	records, err := readFrom(ctx, server, standardCount, at(topic, kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	for number, record := range records {
		expected := standard(topic, number)
		if record.Offset != int64(number) || !same(record.Key, expected.Key) || !same(record.Value, expected.Value) {
			return fmt.Errorf("record %d is %+v", number, record)
		}
		if len(record.Headers) != len(expected.Headers) {
			return fmt.Errorf("headers of record %d: %v", number, record.Headers)
		}
		for index, header := range record.Headers {
			if header.Key != expected.Headers[index].Key || !same(header.Value, expected.Headers[index].Value) {
				return fmt.Errorf("headers of record %d: %v", number, record.Headers)
			}
		}
	}
	return nil
}

// same tells nothing from empty.
func same(one, other []byte) bool {
	return (one == nil) == (other == nil) && bytes.Equal(one, other)
}
