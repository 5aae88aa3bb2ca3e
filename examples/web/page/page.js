"use strict";

// The secret stands behind the # of the link. Browsers keep that to themselves: it is in no request line and
// in no Referer. From here it goes into the one header that the gateway looks at.
const secret = location.hash.slice(1);
addEventListener("hashchange", () => location.reload());

// call sends a verb to the object that the secret is for.
async function call(verb, ...args) {
  const answer = await fetch("call", {
    method: "POST",
    headers: { Authorization: "Bearer " + secret, "Content-Type": "application/json" },
    body: JSON.stringify({ verb, args }),
  });
  const { result, error } = await answer.json();
  if (error) throw new Error(error);
  return result;
}

const at = (id) => document.getElementById(id);

// show shows what is in the book. All of it is text, whoever wrote it.
async function show() {
  const entries = await call("entries");
  at("entries").replaceChildren(...entries.map(({ who, text }) => {
    const item = document.createElement("li");
    item.textContent = `${who}: ${text}`;
    return item;
  }));
  at("news").textContent = `Entries: ${entries.length}`;
}

function failed(error) {
  at("news").textContent = error.message;
}

at("sign").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await call("sign", at("text").value);
    at("text").value = "";
    await show();
  } catch (error) {
    failed(error);
  }
});

async function begin() {
  at("name").textContent = await call("name");
  await show();
  at("sign").hidden = false;
}

if (secret) begin().catch(failed);
