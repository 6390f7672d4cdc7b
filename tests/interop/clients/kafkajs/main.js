// kafkajs under the commands of ../README.md.
'use strict'

const { version } = require('kafkajs/package.json')
const { checks } = require('./checks')
const { fill } = require('./clients')
const { member } = require('./member')
const { consumeStandard, produceStandard } = require('./standard')

async function main() {
  const [command, server, ...rest] = process.argv.slice(2)
  switch (command) {
    case 'version':
      console.log(`kafkajs ${version}`)
      return
    case 'checks':
      for (const [name, check] of Object.entries(checks)) await report(name, check, server)
      break
    case 'produce':
      for (const codec of rest.slice(1)) await report(`produced ${codec}`, produceStandard, server, `${rest[0]}-${codec}`, codec)
      break
    case 'consume':
      for (const topic of rest) await report(`consumed ${topic}`, consumeStandard, server, topic)
      break
    case 'fill':
      await fill(server, rest[0], Number(rest[1]), Number(rest[2]))
      break
    case 'member':
      await member(server, rest[0], rest[1])
      break
    default:
      throw new Error(`no such command: ${command}`)
  }
}

async function report(name, check, ...parameters) {
  try {
    await check(...parameters)
    console.log(`ok ${name}`)
  } catch (error) {
    process.exitCode = 1
    console.log(`FAILED ${name}: ${error.message}`)
    console.error(error)
  }
}

main().then(
  () => process.exit(),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
