package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// admin walks a topic through its life and stops at the first thing that is not as it should be.
func admin(bootstrap string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	must(err)
	defer client.Close()
	ctx := context.Background()
	adm := kadm.NewClient(client)
	retention := "3600000"
	created, err := adm.CreateTopic(ctx, 2, 1, map[string]*string{"retention.ms": &retention}, "go-admin")
	must(err)
	must(created.Err)
	again, err := adm.CreateTopic(ctx, 2, 1, nil, "go-admin")
	if err == nil && again.Err == nil {
		fail("creating a topic twice must fail")
	}
	topics, err := adm.ListTopics(ctx, "go-admin")
	must(err)
	expect("partitions", len(topics["go-admin"].Partitions), 2)
	grown, err := adm.CreatePartitions(ctx, 3, "go-admin")
	must(err)
	must(grown["go-admin"].Err)
	longer := "7200000"
	altered, err := adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &longer}}, "go-admin")
	must(err)
	must(altered[0].Err)
	configs, err := adm.DescribeTopicConfigs(ctx, "go-admin")
	must(err)
	for _, config := range configs[0].Configs {
		if config.Key == "retention.ms" {
			expect("retention.ms", config.MaybeValue(), longer)
		}
	}
	for i := range 10 {
		record := &kgo.Record{Topic: "go-admin", Value: []byte(fmt.Sprint(i))}
		must(client.ProduceSync(ctx, record).FirstErr())
	}
	ends, err := adm.ListEndOffsets(ctx, "go-admin")
	must(err)
	written := int64(0)
	cut := kadm.Offsets{}
	ends.Each(func(end kadm.ListedOffset) {
		must(end.Err)
		written += end.Offset
		cut.AddOffset("go-admin", end.Partition, end.Offset, -1)
	})
	expect("records", written, int64(10))
	deleted, err := adm.DeleteRecords(ctx, cut)
	must(err)
	must(deleted.Error())
	starts, err := adm.ListStartOffsets(ctx, "go-admin")
	must(err)
	left := written
	starts.Each(func(start kadm.ListedOffset) { left -= start.Offset })
	expect("records left", left, int64(0))
	must(adm.CommitAllOffsets(ctx, "go-admin-group", cut))
	committed, err := adm.FetchOffsets(ctx, "go-admin-group")
	must(err)
	expect("committed partitions", len(committed.Offsets()["go-admin"]), len(cut["go-admin"]))
	groups, err := adm.ListGroups(ctx)
	must(err)
	if _, ok := groups["go-admin-group"]; !ok {
		fail("the group with commits is not listed")
	}
	gone, err := adm.DeleteGroup(ctx, "go-admin-group")
	must(err)
	must(gone.Err)
	removed, err := adm.DeleteTopic(ctx, "go-admin")
	must(err)
	must(removed.Err)
	fmt.Println("ok")
}

func expect[T comparable](what string, got, want T) {
	if got != want {
		fail(fmt.Sprintf("%s: %v instead of %v", what, got, want))
	}
}
