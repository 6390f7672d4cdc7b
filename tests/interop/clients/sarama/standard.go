package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

const standardCount = 1000

// standard is a key, a value and headers.
func standard(number int) (key, value []byte, headers []sarama.RecordHeader) {
	key = fmt.Appendf(nil, "key-%d", number)
	switch number % 5 {
	case 0:
		key = nil
	case 1:
		key = []byte{}
	}
	value = fmt.Appendf(nil, "%d größe 日本 %s", number, strings.Repeat("x", number%300))
	switch {
	case number%7 == 0 && number%5 != 0:
		value = nil
	case number%7 == 1:
		value = []byte{}
	}
	header := func(key, value string) sarama.RecordHeader {
		return sarama.RecordHeader{Key: []byte(key), Value: []byte(value)}
	}
	switch number % 3 {
	case 1:
		headers = []sarama.RecordHeader{header("number", strconv.Itoa(number))}
	case 2:
		headers = []sarama.RecordHeader{header("h", "1"), header("h", "2"), header("empty", "")}
	}
	return key, value, headers
}

func produceStandard(server, topic, codec string) error {
	if err := create(server, topic, 1, nil); err != nil {
		return err
	}
	var records []*sarama.ProducerMessage
	for number := range standardCount {
		key, value, headers := standard(number)
		record := &sarama.ProducerMessage{Topic: topic, Headers: headers}
		// An encoder of nothing would be an empty key or value.
		if key != nil {
			record.Key = sarama.ByteEncoder(key)
		}
		if value != nil {
			record.Value = sarama.ByteEncoder(value)
		}
		records = append(records, record)
	}
	return send(server, records, func(config *sarama.Config) {
		config.Producer.Compression = codecs[codec]
		config.Producer.Flush.Frequency = 50 * time.Millisecond
	})
}

func consumeStandard(server, topic string) error {
	records, err := readFrom(server, topic, sarama.OffsetOldest, standardCount, nil)
	if err != nil {
		return err
	}
	for number, record := range records {
		key, value, headers := standard(number)
		if record.Offset != int64(number) || !same(record.Key, key) || !same(record.Value, value) {
			return fmt.Errorf("record %d is %+v", number, record)
		}
		if len(record.Headers) != len(headers) {
			return fmt.Errorf("headers of record %d: %v", number, record.Headers)
		}
		for index, header := range record.Headers {
			if !bytes.Equal(header.Key, headers[index].Key) || !same(header.Value, headers[index].Value) {
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
