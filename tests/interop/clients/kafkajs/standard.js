// The standard records.
'use strict'

const assert = require('node:assert/strict')
const { create, read, send } = require('./clients')

const COUNT = 1000

function key(number) {
  if (number % 5 === 0) return null
  return number % 5 === 1 ? '' : `key-${number}`
}

function value(number) {
  if (number % 7 === 0 && number % 5 !== 0) return null
  return number % 7 === 1 ? '' : `${number} größe 日本 ${'x'.repeat(number % 300)}`
}

function headers(number) {
  return [{}, { number: String(number) }, { h: ['1', '2'], empty: '' }][number % 3]
}

async function produceStandard(server, topic, codec) {
  await create(server, topic)
  const messages = Array.from({ length: COUNT }, (_, n) => ({ key: key(n), value: value(n), headers: headers(n), partition: 0 }))
  const [answer] = await send(server, topic, messages, codec)
  assert.equal(answer.baseOffset, '0')
}

async function consumeStandard(server, topic) {
  const text = (buffer) => (buffer === null ? null : buffer.toString())
  const messages = await read(server, topic, COUNT)
  messages.forEach((message, n) => {
    const found = Object.fromEntries(
      Object.entries(message.headers).map(([name, one]) => [name, Array.isArray(one) ? one.map(text) : text(one)]),
    )
    assert.deepEqual([message.offset, text(message.key), text(message.value), found], [String(n), key(n), value(n), headers(n)])
  })
}

module.exports = { consumeStandard, produceStandard }
