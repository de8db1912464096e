/** What an application does with a broker, through kafkajs: produce a few values, read them in a group, commit. Any thread. */
import kafkajs, { type Kafka } from 'kafkajs';

function clientOf(bootstrap: string): Kafka {
  return new kafkajs.Kafka({
    clientId: 'embedding-test',
    brokers: bootstrap.split(','),
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 30 },
  });
}

/** Creates the topic where it is missing. */
export async function produceValues(bootstrap: string, topic: string, values: readonly string[]): Promise<void> {
  const producer = clientOf(bootstrap).producer({ allowAutoTopicCreation: true });
  await producer.connect();
  try {
    await producer.send({ topic, messages: values.map((value) => ({ value, partition: 0 })) });
  } finally {
    await producer.disconnect();
  }
}

/** Reads `count` values with a group from where it had committed, commits behind them and leaves. */
export async function readValues(bootstrap: string, topic: string, groupId: string, count: number): Promise<string[]> {
  const consumer = clientOf(bootstrap).consumer({ groupId, rebalanceTimeout: 5_000 });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    const values: string[] = [];
    let next = '0';
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, (event) => {
        if (!event.payload.restart) reject(event.payload.error);
      });
      consumer
        .run({
          autoCommit: false,
          eachMessage: async ({ message }) => {
            values.push(String(message.value));
            next = String(Number(message.offset) + 1);
            if (values.length >= count) resolve();
          },
        })
        .catch(reject);
    });
    await consumer.commitOffsets([{ topic, partition: 0, offset: next }]);
    return values;
  } finally {
    await consumer.disconnect();
  }
}
