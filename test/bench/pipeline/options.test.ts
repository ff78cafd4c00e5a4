import { describe, expect, test } from 'vitest'
import { cases, rowOf } from '../../../bench/pipeline/cases.ts'
import { readOptions } from '../../../bench/pipeline/options.ts'
import { median, Samples } from '../../../bench/pipeline/sample.ts'
import { subjects } from '../../../bench/pipeline/subjects.ts'

describe('options of the pipeline benchmark', () => {
  test.each([
    [['--size', '1MiB']],
    [['--size', 'much']],
    [['--rounds', '0']],
    [['--rounds', '1.5']],
    [['--streams', '-1']],
    [['--fast']],
  ])('%j is refused', args => {
    expect(() => readOptions(args)).toThrow()
  })

  test('a size scales, cases add up, nothing else is assumed', () => {
    expect(readOptions(['--size', '64MiB', '--case', 'far', '--case', 'restore'])).toEqual({
      size: 64 << 20,
      rounds: 3,
      cases: ['far', 'restore'],
      list: false,
      help: false,
    })
  })
})

describe('cases', () => {
  test('every case is made of subjects that there are, and every subject is in a case', () => {
    const known = subjects.map(subject => subject.name)
    expect(cases.flatMap(each => each.subjects).filter(name => !known.includes(name))).toEqual([])
    expect(known.filter(name => !cases.some(each => each.subjects.includes(name)))).toEqual([])
  })

  test('what was not measured is no success, and says why', () => {
    const samples = new Samples()
    samples.failed.set('shell-sink', 'awscli cannot be had')
    const [shell] = cases.filter(each => each.name === 'shell-sink')
    expect(shell && rowOf(shell, samples)).toMatchObject({
      value: null,
      ok: false,
      conditions: 'not measured: awscli cannot be had',
    })
  })

  test('a median is the middle', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN])
  })
})
