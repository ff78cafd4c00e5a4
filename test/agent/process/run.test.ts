import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createToolFinder, runCommand } from '../../../agent/process/index.ts'
import { Scripts } from './scripts.ts'

const tools = createToolFinder()
let scripts: Scripts
beforeAll(async () => {
  scripts = await Scripts.open()
})
afterAll(() => scripts.remove())

describe('a command run by itself', () => {
  it('fails with status and the end of stderr, secrets removed', async () => {
    const command = await scripts.command('psql', 'echo "password=hunter2 was refused" >&2; exit 2')
    await expect(runCommand(command, { tools })).rejects.toMatchObject({
      code: 'stage.failed',
      message: 'psql exited with status 2',
      context: { stage: 'psql', status: 2, stderr: 'password=[redacted] was refused' },
    })
  })

  it('fails when it does not end in time, and when aborted', async () => {
    const command = await scripts.command('hung', 'exec sleep 600')
    await expect(runCommand(command, { tools, timeoutMs: 100 })).rejects.toMatchObject({
      message: 'hung did not end in time',
    })
    await expect(runCommand(command, { tools, signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      code: 'interrupted',
    })
  })

  it('gives what it wrote, byte for byte, and takes input', async () => {
    const command = await scripts.command('cat', 'cat; exit 3')
    expect(await runCommand({ ...command, okStatuses: [0, 3] }, { tools, input: 'a\nb\n\n' })).toEqual({
      stdout: 'a\nb\n\n',
      stderrTail: '',
      status: 3,
    })
  })
})
