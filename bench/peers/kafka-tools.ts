/** Apache Kafka's own performance tools, run against any broker; their lines are kept as they are. Process of `millrace bench`. */
import { spawn } from 'node:child_process';
import { Admin } from '../load/admin.js';
import type { Contender } from '../load/broker.js';
import type { ToolRun } from '../load/report.js';
import { kafkaJars } from './kafka-jars.js';

/** Heap of each tool, as kafka-run-class.sh has it. */
const heap = '-Xmx512M';
const timeoutMs = 300_000;
const partitions = 16;
const recordBytes = [100, 1000];
/** Roughly what a tool gets through in a second on two cores that it shares with the broker. */
const bytesPerSecond = 100e6;
const endToEndPerSecond = 1500;

/** The first is what the readers read. */
const producerWays = [
  { acks: 1, lingerMs: 5 },
  { acks: 1, lingerMs: 0 },
  { acks: 0, lingerMs: 0 },
  { acks: 0, lingerMs: 5 },
  { acks: 'all', lingerMs: 0 },
  { acks: 'all', lingerMs: 5 },
];

interface Tool {
  readonly name: string;
  readonly className: string;
  readonly args: readonly string[];
}

function tools(bootstrap: string, topic: string, recordSize: number, seconds: number): Tool[] {
  const count = String(Math.round((seconds * bytesPerSecond) / recordSize));
  const producer = ['--bootstrap-server', bootstrap, '--num-records', count, '--throughput', '-1'];
  return [
    ...producerWays.map(({ acks, lingerMs }) => ({
      name: `kafka-producer-perf-test, ${recordSize} B, acks=${acks}, linger.ms=${lingerMs}`,
      className: 'ProducerPerformance',
      args: [
        ...[...producer, '--record-size', String(recordSize)],
        ...['--topic', acks === 1 && lingerMs === 5 ? topic : `${topic}-more`],
        ...['--command-property', `acks=${acks}`, `linger.ms=${lingerMs}`, 'batch.size=65536'],
      ],
    })),
    {
      name: `kafka-consumer-perf-test, ${recordSize} B`,
      className: 'ConsumerPerformance',
      args: ['--bootstrap-server', bootstrap, '--topic', topic, '--num-records', count],
    },
    {
      name: `kafka-e2e-latency, ${recordSize} B`,
      className: 'EndToEndLatency',
      args: [
        ...['--bootstrap-server', bootstrap, '--topic', `${topic}-e2e`],
        ...['--num-records', String(Math.round(seconds * endToEndPerSecond))],
        ...['--producer-acks', '1', '--record-size', String(recordSize)],
      ],
    },
  ];
}

/** `seconds` is about how long each tool works. */
export async function runKafkaTools(
  contender: Contender,
  seconds: number,
  say: (line: string) => void,
): Promise<ToolRun[]> {
  const jars = kafkaJars();
  const { host, port } = await contender.broker('never');
  const runs: ToolRun[] = [];
  for (const size of recordBytes) {
    const topic = `bench-${process.pid}-tools-${size}`;
    const admin = await Admin.open(host, port);
    await admin.createTopic(topic, partitions, contender.topicConfigs('never'));
    await admin.createTopic(`${topic}-more`, partitions, contender.topicConfigs('never'));
    await admin.createTopic(`${topic}-e2e`, 1, contender.topicConfigs('never'));
    admin.close();
    for (const { name, className, args } of tools(`${host}:${port}`, topic, size, seconds)) {
      say(`${name} against ${contender.name}`);
      runs.push({ who: contender.name, tool: name, lines: await linesOf(jars, className, args) });
    }
    const cleaner = await Admin.open(host, port);
    await cleaner.deleteTopic(topic);
    await cleaner.deleteTopic(`${topic}-more`);
    await cleaner.deleteTopic(`${topic}-e2e`);
    cleaner.close();
  }
  return runs;
}

function linesOf(jars: string, className: string, args: readonly string[]): Promise<string[]> {
  const java = [heap, '-cp', `${jars}/*`, `org.apache.kafka.tools.${className}`, ...args];
  return new Promise((resolve, reject) => {
    const child = spawn('java', java, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
    let out = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-4000);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(out.split('\n').filter((line) => line !== ''));
      else reject(new Error(`${className} ended with ${code}: ${complaint.trim() || out.slice(-1000)}`));
    });
  });
}
