// A franz-go client that the tests drive: JSON lines in, JSON lines out.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Line is one record as it goes through stdin and stdout.
type Line struct {
	Partition   int32       `json:"partition"`
	Offset      int64       `json:"offset"`
	Key         *string     `json:"key"`
	Value       *string     `json:"value"`
	Headers     [][2]string `json:"headers"`
	TimestampMs int64       `json:"timestampMs"`
}

func main() {
	if len(os.Args) < 3 {
		fail("usage: produce|consume|group|share|admin|wire BOOTSTRAP …")
	}
	args := os.Args[2:]
	switch os.Args[1] {
	case "produce": // BOOTSTRAP TOPIC idempotent|plain none|gzip|snappy|lz4|zstd
		produce(args[0], args[1], args[2] == "idempotent", args[3])
	case "consume": // BOOTSTRAP TOPIC COUNT
		consume(number(args[2]), kgo.SeedBrokers(args[0]), kgo.ConsumeTopics(args[1]),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	case "group": // BOOTSTRAP TOPIC GROUP COUNT
		consume(number(args[3]), kgo.SeedBrokers(args[0]), kgo.ConsumeTopics(args[1]), kgo.ConsumerGroup(args[2]),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	case "share": // BOOTSTRAP TOPIC GROUP COUNT
		share(args[0], args[1], args[2], number(args[3]))
	case "admin": // BOOTSTRAP
		admin(args[0])
	case "wire": // BOOTSTRAP
		wire(args[0])
	default:
		fail("unknown verb " + os.Args[1])
	}
}

func fail(reason any) {
	fmt.Fprintln(os.Stderr, reason)
	os.Exit(1)
}

func must(err error) {
	if err != nil {
		fail(err)
	}
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	must(err)
	return value
}

func codec(name string) kgo.CompressionCodec {
	switch name {
	case "gzip":
		return kgo.GzipCompression()
	case "snappy":
		return kgo.SnappyCompression()
	case "lz4":
		return kgo.Lz4Compression()
	case "zstd":
		return kgo.ZstdCompression()
	}
	return kgo.NoCompression()
}

func bytesOf(text *string) []byte {
	if text == nil {
		return nil
	}
	return []byte(*text)
}

func textOf(bytes []byte) *string {
	if bytes == nil {
		return nil
	}
	text := string(bytes)
	return &text
}

func produce(bootstrap, topic string, idempotent bool, compression string) {
	options := []kgo.Opt{
		kgo.SeedBrokers(bootstrap),
		kgo.DefaultProduceTopic(topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codec(compression)),
		kgo.AllowAutoTopicCreation(),
	}
	if !idempotent {
		options = append(options, kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()))
	}
	client, err := kgo.NewClient(options...)
	must(err)
	defer client.Close()
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(make([]byte, 1<<20), 1<<20)
	sent := 0
	for input.Scan() {
		var line Line
		must(json.Unmarshal(input.Bytes(), &line))
		record := &kgo.Record{
			Partition: line.Partition,
			Key:       bytesOf(line.Key),
			Value:     bytesOf(line.Value),
			Timestamp: time.UnixMilli(line.TimestampMs),
		}
		for _, header := range line.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: header[0], Value: []byte(header[1])})
		}
		client.Produce(context.Background(), record, func(_ *kgo.Record, err error) { must(err) })
		sent++
	}
	must(client.Flush(context.Background()))
	fmt.Println(sent)
}

func consume(count int, options ...kgo.Opt) {
	client, err := kgo.NewClient(options...)
	must(err)
	output := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(output)
	for seen := 0; seen < count; {
		fetches := client.PollRecords(context.Background(), count-seen)
		fetches.EachError(func(topic string, partition int32, err error) {
			fail(fmt.Sprintf("%s-%d: %v", topic, partition, err))
		})
		records := fetches.Records()
		for _, record := range records {
			line := Line{record.Partition, record.Offset, textOf(record.Key), textOf(record.Value), [][2]string{}, record.Timestamp.UnixMilli()}
			for _, header := range record.Headers {
				line.Headers = append(line.Headers, [2]string{header.Key, string(header.Value)})
			}
			must(encoder.Encode(line))
		}
		seen += len(records)
		if group, _ := client.GroupMetadata(); group != "" && len(records) > 0 {
			must(client.CommitRecords(context.Background(), records...))
		}
	}
	must(output.Flush())
	client.Close()
}

// Gives every other record back when it comes for the first time, accepts all others, and prints what it accepted.
func share(bootstrap, topic, group string, count int) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumeTopics(topic), kgo.ShareGroup(group),
		kgo.ShareAckCallback(func(_ *kgo.Client, results kgo.ShareAckResults) { must(results.Error()) }))
	must(err)
	output := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(output)
	for accepted := 0; accepted < count; {
		fetches := client.PollRecords(context.Background(), 100)
		fetches.EachError(func(topic string, partition int32, err error) {
			fail(fmt.Sprintf("%s-%d: %v", topic, partition, err))
		})
		for _, record := range fetches.Records() {
			if record.Offset%2 == 1 && record.DeliveryCount() == 1 {
				record.Ack(kgo.AckRelease)
				continue
			}
			record.Ack(kgo.AckAccept)
			accepted++
			line := Line{record.Partition, record.Offset, textOf(record.Key), textOf(record.Value), [][2]string{}, record.Timestamp.UnixMilli()}
			for _, header := range record.Headers {
				line.Headers = append(line.Headers, [2]string{header.Key, string(header.Value)})
			}
			must(encoder.Encode(line))
		}
		must(client.FlushAcks(context.Background()))
	}
	must(output.Flush())
	client.Close()
}
