/** Tables and JSON on stdout, plain text without colours. */
import type { Host } from './host.js';

export function printJson(host: Host, value: unknown): void {
  host.stdout.write(`${JSON.stringify(value, null, host.stdout.isTTY ? 2 : 0)}\n`);
}

export function printLine(host: Host, line: string): void {
  host.stdout.write(`${line}\n`);
}

/** Columns as wide as their widest cell; numbers lean right. */
export function printTable(host: Host, head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const cells = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  cells.forEach((row, index) => {
    const line = row.map((cell, column) => {
      const right = typeof rows[Math.max(index - 1, 0)]?.[column] === 'number';
      return right ? cell.padStart(widths[column]) : cell.padEnd(widths[column]);
    });
    printLine(host, line.join('  ').trimEnd());
  });
}
