/** A program that embeds the broker, uses it, closes it and has nothing more to do. Main thread of a child process, or a worker. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { createBroker } from '../../src/index.js';
import { produceValues, readValues } from './kafkajs-session.js';

/** What happens between `createBroker` and the program's last line. */
export type Course = 'use' | 'start only' | 'never started' | 'refused' | 'closed while starting' | 'left connected';

export interface ProgramInput {
  readonly course: Course;
  readonly folder: string;
}

const { course, folder }: ProgramInput = isMainThread ? JSON.parse(process.argv[2]) : workerData;

async function life(): Promise<string> {
  const broker = await createBroker({
    settings: { 'log.dirs': folder, listeners: 'PLAINTEXT://127.0.0.1:0', 'group.initial.rebalance.delay.ms': '0' },
  });
  switch (course) {
    case 'use': {
      await broker.start();
      await produceValues(broker.bootstrapServers, 'embedded', ['one', 'two']);
      const values = await readValues(broker.bootstrapServers, 'embedded', 'embedded', 2);
      await broker.close();
      return values.join();
    }
    case 'start only':
      await broker.start();
      await broker.close();
      return 'closed';
    case 'never started':
      await broker.close();
      return 'closed';
    case 'refused':
      return broker.start().then(
        () => 'started',
        (error: Error) => error.message,
      );
    case 'closed while starting': {
      const started = broker.start().then(
        () => 'started',
        (error: Error) => error.message,
      );
      await broker.close();
      return started;
    }
    case 'left connected': {
      await broker.start();
      const { connect } = await import('node:net');
      const [host, port] = broker.bootstrapServers.split(':');
      const socket = connect(Number(port), host);
      await new Promise((resolve) => socket.once('connect', resolve));
      const ended = new Promise((resolve) => socket.once('close', resolve));
      socket.resume();
      await broker.close();
      await ended;
      return 'closed';
    }
  }
}

const outcome = await life();
if (isMainThread) process.stdout.write(outcome);
else parentPort?.postMessage(outcome);
