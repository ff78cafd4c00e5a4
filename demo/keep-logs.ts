import { copyFile, mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Stack } from '../test/harness/index.ts'

/** Copies the logs and configurations of a fleet that failed to a folder that stays; returns it with the last complaints of each process. */
export async function keepLogs(stack: Stack): Promise<string> {
  const kept = await mkdtemp(join(tmpdir(), 'holdfast-demo-logs-'))
  const logs = (await readdir(stack.folder)).filter(name => name.endsWith('.log'))
  await Promise.all(logs.map(name => copyFile(join(stack.folder, name), join(kept, name))))
  const processes = [stack.coordinator, stack.agent('agent'), stack.agent('keeper')]
  const complaints = processes.flatMap(process => {
    const name = process.running ? process.name : `${process.name} has ended`
    const lines = process
      .log()
      .split('\n')
      .filter(line => line !== '' && !/"level":"(debug|info)"/.test(line))
    return lines.length === 0 && process.running
      ? []
      : [`${name}:`, ...lines.slice(-5).map(line => `  ${line.slice(0, 600)}`)]
  })
  return [`logs: ${kept}`, ...complaints].join('\n')
}
