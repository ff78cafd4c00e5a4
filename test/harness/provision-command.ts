import { provision } from './provision.ts'
import { recipes, type ServiceName } from './recipes.ts'

// deploy/services/provision calls this file: provision-command.ts [NAME...]

function isServiceName(name: string): name is ServiceName {
  return Object.hasOwn(recipes, name)
}

const all = Object.keys(recipes).filter(isServiceName)
const usual = all.filter(name => recipes[name].onlyByName !== true)
const asked = process.argv.slice(2)
for (const name of asked.length > 0 ? asked : usual) {
  if (!isServiceName(name)) {
    console.error(`${name}: unknown; there are ${all.join(', ')}`)
    process.exitCode = 2
    continue
  }
  const result = await provision(name)
  if (result.available) console.log(`${name}: ${result.bin} (${result.origin})`)
  else {
    console.error(`${name}: cannot be had: ${result.reason}`)
    process.exitCode ||= 1
  }
}
