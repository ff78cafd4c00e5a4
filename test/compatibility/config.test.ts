import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadAgentConfig } from '../../agent/config.ts'
import { loadCoordinatorConfig } from '../../coordinator/config.ts'
import { instancesFromYaml } from '../../shared/discovery/static-file.ts'
import { fixtures } from './fixture.ts'

const folder = join(fixtures, 'config-v1')
const means = JSON.parse(readFileSync(join(folder, 'means.json'), 'utf8')) as Record<string, object>

describe('configuration that was written for earlier commits', () => {
  test('the agent reads it, and each key means what it meant', () => {
    expect(loadAgentConfig(join(folder, 'agent.yaml'), {}, {}).value).toMatchObject(means['agent'] ?? {})
  })

  test('the coordinator reads it, and each key means what it meant', () => {
    const { value } = loadCoordinatorConfig(join(folder, 'coordinator.yaml'), {}, {})
    expect(value).toMatchObject(sameButDefaults(means['coordinator'] ?? {}))
  })

  test('the static file of instances names the same instances', () => {
    const text = readFileSync(join(folder, 'instances.yaml'), 'utf8')
    expect(instancesFromYaml(text, 'instances.yaml')).toMatchObject([
      { datacenter: 'dc1', nodeName: 'host7', serviceId: 'orders-db', address: '10.0.0.7', port: 5433 },
      { datacenter: 'static', nodeName: 'host8', serviceId: 'shop-db', address: 'host8', port: 3306 },
    ])
  })

  test.each(['agent.yaml', 'coordinator.yaml'])('the example %s is valid', name => {
    const load = name === 'agent.yaml' ? loadAgentConfig : loadCoordinatorConfig
    expect(() => load(join(fixtures, '../../../deploy/examples', name), {}, {})).not.toThrow()
  })
})

/** What `means.json` has of keys nobody gave, and whose default changed since: the level of a policy (ADR 0160). */
function sameButDefaults(meant: { readonly policies?: readonly Record<string, unknown>[] }): object {
  const given = readFileSync(join(folder, 'coordinator.yaml'), 'utf8').match(/codec_level: \d+/g) ?? []
  expect(given).toEqual(['codec_level: 7'])
  return {
    ...meant,
    policies: meant.policies?.map(({ codec_level: level, ...policy }) =>
      level === 7 ? { ...policy, codec_level: level } : policy,
    ),
  }
}
