package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// wire sends one request of every API in every version that both sides know, for a proxy in between to record.
func wire(bootstrap string) {
	ctx := context.Background()
	w := &wireClient{bootstrap: bootstrap}
	first, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	must(err)
	answer, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, first)
	must(err)
	w.ranges = map[int16][2]int16{}
	for _, api := range answer.ApiKeys {
		w.ranges[api.ApiKey] = [2]int16{api.MinVersion, min(api.MaxVersion, kmsg.RequestForKey(api.ApiKey).MaxVersion())}
	}
	w.prepare(ctx, first)
	for _, make := range w.requests() {
		sample := make()
		span := w.ranges[sample.Key()]
		for version := span[0]; version <= span[1]; version++ {
			if _, err := w.send(make(), version); err != nil {
				fmt.Println(kmsg.NameForKey(sample.Key()), version, err)
			}
		}
	}
	w.groups()
	w.topics()
}

type wireClient struct {
	bootstrap string
	ranges    map[int16][2]int16
	topicID   [16]byte
	batch     []byte
}

const goldenTopic = "golden"

func (w *wireClient) send(request kmsg.Request, version int16) (kmsg.Response, error) {
	span := w.ranges[request.Key()]
	version = max(span[0], min(version, span[1]))
	limits := kversion.Tip()
	limits.SetMaxKeyVersion(request.Key(), version)
	client, err := kgo.NewClient(kgo.SeedBrokers(w.bootstrap), kgo.MaxVersions(limits), kgo.ClientID("golden"),
		kgo.RequestRetries(0), kgo.RetryTimeout(5*time.Second))
	must(err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	// Straight to the one broker: the client's own routing would split, merge or cache some of the requests.
	return client.Broker(1).Request(ctx, request)
}

func (w *wireClient) prepare(ctx context.Context, client *kgo.Client) {
	create := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = goldenTopic, 3, 1
	create.Topics = append(create.Topics, topic)
	created, err := create.RequestWith(ctx, client)
	must(err)
	must(kerr.ErrorForCode(created.Topics[0].ErrorCode))
	w.topicID = created.Topics[0].TopicID
	for i := range 5 {
		record := &kgo.Record{Topic: goldenTopic, Key: []byte(fmt.Sprint("k", i)), Value: []byte(fmt.Sprint("value ", i)),
			Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("x")}}}
		must(client.ProduceSync(ctx, record).FirstErr())
	}
	// A batch for raw Produce requests: what the broker itself gives back for these records.
	fetch := kmsg.NewPtrFetchRequest()
	fetch.MaxWaitMillis, fetch.MinBytes, fetch.MaxBytes = 100, 1, 1<<20
	for partition := range int32(3) {
		fetch.Topics = []kmsg.FetchRequestTopic{{Topic: goldenTopic, TopicID: w.topicID,
			Partitions: []kmsg.FetchRequestTopicPartition{{Partition: partition, CurrentLeaderEpoch: -1, LastFetchedEpoch: -1,
				LogStartOffset: -1, PartitionMaxBytes: 1 << 20}}}}
		answer, err := client.Broker(1).Request(ctx, fetch)
		must(err)
		if batch := answer.(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches; len(batch) > 0 {
			size := 12 + int(uint32(batch[8])<<24|uint32(batch[9])<<16|uint32(batch[10])<<8|uint32(batch[11]))
			w.batch = append([]byte(nil), batch[:size]...)
		}
	}
	// As a producer without idempotence would have sent it. Both fields are covered by the checksum, so it is made anew.
	for i := 43; i < 57; i++ {
		w.batch[i] = 0xff
	}
	stampChecksum(w.batch)
}
