import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { recordOf } from '../../../agent/process/child-record.ts'
import { endLeftovers } from '../../../agent/process/index.ts'

describe('leftovers of a dead agent', () => {
  it('are killed only when pid, start time and boot all still match', async () => {
    const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
    const record = recordOf('sleep', child.pid ?? 0)
    if (record === undefined) throw new Error('no record')
    expect(endLeftovers([{ ...record, startTime: '1' }])).toEqual([])
    expect(endLeftovers([{ ...record, bootId: 'another boot' }])).toEqual([])
    expect(child.exitCode ?? child.signalCode).toBeNull()
    const exit = once(child, 'exit')
    expect(endLeftovers([record])).toEqual([record])
    expect(await exit).toEqual([null, 'SIGKILL'])
    expect(endLeftovers([record])).toEqual([])
  })

  it('are children too, when the agent is killed -9: they die with it', async () => {
    const script = `
      import { joinProcesses, createToolFinder } from ${JSON.stringify(new URL('../../../agent/process/index.ts', import.meta.url).href)}
      const sleep = name => ({ command: { name, program: '/usr/bin/sleep', args: ['600'] } })
      await joinProcesses({ stages: [sleep('a'), sleep('b')], input: false, output: true, tools: createToolFinder(),
        signal: new AbortController().signal, onChildren: r => console.log(JSON.stringify(r)) })
      setInterval(() => {}, 1000)`
    const agent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(agent.stdout, 'data')) as [Buffer]
    const records = JSON.parse(line.toString()) as {
      name: string
      pid: number
      startTime: string
      bootId: string
    }[]
    expect(records).toHaveLength(2)
    const exit = once(agent, 'exit')
    agent.kill('SIGKILL')
    await exit
    await expect.poll(() => records.filter(({ pid, name }) => recordOf(name, pid) !== undefined)).toEqual([])
  })
})
