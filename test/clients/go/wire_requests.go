package main

import (
	"fmt"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// stampChecksum puts the CRC-32C of a record batch at its place: bytes 17 to 20, over all that follow.
func stampChecksum(batch []byte) {
	crc := crc32.Checksum(batch[21:], crc32.MakeTable(crc32.Castagnoli))
	batch[17], batch[18], batch[19], batch[20] = byte(crc>>24), byte(crc>>16), byte(crc>>8), byte(crc)
}

func text(value string) *string { return &value }

// requests are those that need no state of their own, each made anew for every version.
func (w *wireClient) requests() []func() kmsg.Request {
	return []func() kmsg.Request{
		func() kmsg.Request {
			r := kmsg.NewPtrApiVersionsRequest()
			r.ClientSoftwareName, r.ClientSoftwareVersion = "golden", "1.0"
			return r
		},
		func() kmsg.Request {
			r := kmsg.NewPtrMetadataRequest()
			r.AllowAutoTopicCreation = true
			r.IncludeTopicAuthorizedOperations, r.IncludeClusterAuthorizedOperations = true, true
			r.Topics = []kmsg.MetadataRequestTopic{{Topic: text(goldenTopic)}}
			return r
		},
		func() kmsg.Request {
			r := kmsg.NewPtrProduceRequest()
			r.Acks, r.TimeoutMillis = -1, 1500
			r.Topics = []kmsg.ProduceRequestTopic{{Topic: goldenTopic, TopicID: w.topicID,
				Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: 0, Records: w.batch}, {Partition: 1, Records: w.batch}}}}
			return r
		},
		func() kmsg.Request {
			r := kmsg.NewPtrFetchRequest()
			r.MaxWaitMillis, r.MinBytes, r.MaxBytes = 10, 1, 1000
			partition := func(index int32, offset int64) kmsg.FetchRequestTopicPartition {
				p := kmsg.NewFetchRequestTopicPartition()
				p.Partition, p.FetchOffset, p.PartitionMaxBytes = index, offset, 300
				return p
			}
			r.Topics = []kmsg.FetchRequestTopic{{Topic: goldenTopic, TopicID: w.topicID,
				Partitions: []kmsg.FetchRequestTopicPartition{partition(0, 0), partition(1, 0), partition(2, 1000)}}}
			return r
		},
		func() kmsg.Request {
			r := kmsg.NewPtrListOffsetsRequest()
			for i, timestamp := range []int64{-1, -2, 1} {
				p := kmsg.NewListOffsetsRequestTopicPartition()
				p.Partition, p.Timestamp, p.MaxNumOffsets = int32(i), timestamp, 1
				if i == 0 {
					r.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: goldenTopic}}
				}
				r.Topics[0].Partitions = append(r.Topics[0].Partitions, p)
			}
			return r
		},
		func() kmsg.Request {
			r := kmsg.NewPtrOffsetForLeaderEpochRequest()
			p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			p.LeaderEpoch = 0
			r.ReplicaID = -1
			r.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: goldenTopic, Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{p}}}
			return r
		},
		func() kmsg.Request {
			r := kmsg.NewPtrFindCoordinatorRequest()
			r.CoordinatorKey, r.CoordinatorKeys = "golden-group", []string{"golden-group"}
			return r
		},
		func() kmsg.Request { return kmsg.NewPtrListGroupsRequest() },
		func() kmsg.Request { return kmsg.NewPtrInitProducerIDRequest() },
		func() kmsg.Request { return kmsg.NewPtrDescribeClusterRequest() },
		func() kmsg.Request { return kmsg.NewPtrDescribeLogDirsRequest() },
		func() kmsg.Request {
			r := kmsg.NewPtrDescribeConfigsRequest()
			r.IncludeSynonyms, r.IncludeDocumentation = true, true
			r.Resources = []kmsg.DescribeConfigsRequestResource{
				{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: goldenTopic, ConfigNames: []string{"retention.ms", "cleanup.policy"}},
				{ResourceType: kmsg.ConfigResourceTypeBroker, ResourceName: "1", ConfigNames: []string{"log.retention.hours"}}}
			return r
		},
		func() kmsg.Request {
			r := kmsg.NewPtrAlterConfigsRequest()
			r.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: goldenTopic,
				Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: text("100000")}}}}
			return r
		},
		func() kmsg.Request {
			r := kmsg.NewPtrIncrementalAlterConfigsRequest()
			r.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: goldenTopic,
				Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: text("200000")},
					{Name: "no.such.setting", Op: kmsg.IncrementalAlterConfigOpDelete}}}}
			return r
		},
		func() kmsg.Request {
			r := kmsg.NewPtrDeleteRecordsRequest()
			r.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: goldenTopic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 2, Offset: 0}}}}
			return r
		},
		func() kmsg.Request {
			r := kmsg.NewPtrElectLeadersRequest()
			r.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: goldenTopic, Partitions: []int32{0, 1}}}
			return r
		},
		func() kmsg.Request {
			r := kmsg.NewPtrAlterPartitionAssignmentsRequest()
			r.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: goldenTopic, Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Partition: 0}}}}
			return r
		},
		func() kmsg.Request { return kmsg.NewPtrListPartitionReassignmentsRequest() },
		func() kmsg.Request {
			r := kmsg.NewPtrDescribeQuorumRequest()
			r.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{}}}}
			return r
		},
		func() kmsg.Request {
			r := kmsg.NewPtrDescribeProducersRequest()
			r.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: goldenTopic, Partitions: []int32{0, 1, 2}}}
			return r
		},
		func() kmsg.Request {
			r := kmsg.NewPtrDescribeTopicPartitionsRequest()
			r.Topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: goldenTopic}}
			r.ResponsePartitionLimit = 2
			return r
		},
	}
}

// groups walks a classic group from join to deletion once for every step of versions.
func (w *wireClient) groups() {
	for version := int16(0); version <= 10; version++ {
		group := fmt.Sprint("golden-group-", version)
		join := kmsg.NewPtrJoinGroupRequest()
		join.Group, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = group, 10000, 10000
		join.ProtocolType, join.Protocols = "consumer", []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0, 1, 0, 0, 0, 0}}}
		answer, err := w.send(join, version)
		must(err)
		joined := answer.(*kmsg.JoinGroupResponse)
		if joined.ErrorCode == 79 {
			join.MemberID = joined.MemberID
			answer, err = w.send(join, version)
			must(err)
			joined = answer.(*kmsg.JoinGroupResponse)
		}
		member, generation := joined.MemberID, joined.Generation
		sync := kmsg.NewPtrSyncGroupRequest()
		sync.Group, sync.MemberID, sync.Generation = group, member, generation
		sync.ProtocolType, sync.Protocol = text("consumer"), text("range")
		sync.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: member, MemberAssignment: []byte{0, 1, 0, 0, 0, 0}}}
		w.log(w.send(sync, version))
		heartbeat := kmsg.NewPtrHeartbeatRequest()
		heartbeat.Group, heartbeat.MemberID, heartbeat.Generation = group, member, generation
		w.log(w.send(heartbeat, version))
		commit := kmsg.NewPtrOffsetCommitRequest()
		commit.Group, commit.MemberID, commit.Generation, commit.RetentionTimeMillis = group, member, generation, -1
		commit.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: goldenTopic, TopicID: w.topicID, Partitions: []kmsg.OffsetCommitRequestTopicPartition{
			{Partition: 0, Offset: 3, LeaderEpoch: 0, Metadata: text("m")}, {Partition: 1, Offset: 4, LeaderEpoch: -1}}}}
		w.log(w.send(commit, version))
		fetch := kmsg.NewPtrOffsetFetchRequest()
		fetch.Group = group
		fetch.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: goldenTopic, Partitions: []int32{0, 1, 2}}}
		fetch.Groups = []kmsg.OffsetFetchRequestGroup{{Group: group, MemberEpoch: -1,
			Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: goldenTopic, TopicID: w.topicID, Partitions: []int32{0, 1, 2}}}}}
		w.log(w.send(fetch, version))
		describe := kmsg.NewPtrDescribeGroupsRequest()
		describe.Groups, describe.IncludeAuthorizedOperations = []string{group}, true
		w.log(w.send(describe, version))
		w.log(w.send(kmsg.NewPtrListGroupsRequest(), version))
		leave := kmsg.NewPtrLeaveGroupRequest()
		leave.Group, leave.MemberID, leave.Members = group, member, []kmsg.LeaveGroupRequestMember{{MemberID: member, Reason: text("done")}}
		w.log(w.send(leave, version))
		forget := kmsg.NewPtrOffsetDeleteRequest()
		forget.Group = group
		forget.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: goldenTopic, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}}}
		w.log(w.send(forget, version))
		remove := kmsg.NewPtrDeleteGroupsRequest()
		remove.Groups = []string{group, "no-such-group"}
		w.log(w.send(remove, version))
	}
}

// topics creates, grows and deletes a topic once for every step of versions.
func (w *wireClient) topics() {
	for version := int16(0); version <= 8; version++ {
		name := fmt.Sprint("golden-", version)
		create := kmsg.NewPtrCreateTopicsRequest()
		create.TimeoutMillis = 5000
		create.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: name, NumPartitions: 1, ReplicationFactor: 1,
			Configs: []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms", Value: text("1000")}}},
			{Topic: "not/allowed", NumPartitions: 1, ReplicationFactor: 1}}
		answer, err := w.send(create, version)
		must(err)
		id := answer.(*kmsg.CreateTopicsResponse).Topics[0].TopicID
		grow := kmsg.NewPtrCreatePartitionsRequest()
		grow.TimeoutMillis = 5000
		grow.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: name, Count: 2}}
		w.log(w.send(grow, version))
		remove := kmsg.NewPtrDeleteTopicsRequest()
		remove.TimeoutMillis, remove.TopicNames = 5000, []string{name}
		if version >= 6 && id != [16]byte{} {
			remove.Topics = []kmsg.DeleteTopicsRequestTopic{{TopicID: id}}
		} else {
			remove.Topics = []kmsg.DeleteTopicsRequestTopic{{Topic: text(name)}}
		}
		w.log(w.send(remove, version))
	}
}

func (w *wireClient) log(_ kmsg.Response, err error) {
	if err != nil {
		fmt.Println("failed:", err)
	}
}
