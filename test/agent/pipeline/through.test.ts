import { describe, expect, it } from 'vitest'
import { through } from '../../../agent/pipeline/through.ts'
import type { Command } from '../../../agent/process/index.ts'

const command = (name: string): Command => ({ name, program: `/bin/${name}`, args: [] })

describe('through other programs', () => {
  it('goes the stage, its tap, and every command of a tap that is a chain', () => {
    const nice = ['/bin/nice', '-n', '10']
    const one = through({ command: command('tee'), tap: command('tail') }, nice)
    expect(one.command.through).toEqual(nice)
    expect(one.tap).toEqual({ ...command('tail'), through: nice })
    const chain = through({ command: command('tee'), tap: [command('gzip'), command('wc')] }, nice)
    expect(chain.tap).toEqual([
      { ...command('gzip'), through: nice },
      { ...command('wc'), through: nice },
    ])
  })

  it('without any, a stage stays as it is', () => {
    const stage = { command: command('cat') }
    expect(through(stage)).toBe(stage)
  })
})
