"""picture.py CHROMIUM URL TOKENS FILE: the device page of the only door, as a browser shows it."""
import asyncio
import base64
import json
import pathlib
import subprocess
import sys
import tempfile

import aiohttp

WIDTH, HEIGHT = 1000, 900


async def device(session, url, token):
    async with session.ws_connect(f"{url}/api/websocket") as socket:
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        await socket.receive_json()
        await socket.send_json({"id": 1, "type": "config/device_registry/list"})
        devices = (await socket.receive_json())["result"]
    return next(one["id"] for one in devices if one["manufacturer"] == "doorward")


class Page:
    def __init__(self, socket):
        self.socket, self.last = socket, 0

    async def ask(self, method, **params):
        self.last += 1
        await self.socket.send_json({"id": self.last, "method": method, "params": params})
        while True:
            said = await self.socket.receive_json()
            if said.get("id") == self.last:
                return said["result"]


async def main(chromium, url, tokens, file):
    access = json.loads(tokens)["access_token"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--remote-debugging-port=0", f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT}",
             "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            place = pathlib.Path(profile, "DevToolsActivePort")
            for _ in range(600):
                if place.exists() and place.read_text().count("\n"):
                    break
                await asyncio.sleep(0.1)
            port = place.read_text().split("\n")[0]
            async with aiohttp.ClientSession() as session:
                page = f"{url}/config/devices/device/{await device(session, url, access)}"
                async with session.get(f"http://127.0.0.1:{port}/json/list") as found:
                    target = next(one for one in await found.json() if one["type"] == "page")
                async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    browse = Page(socket)
                    await browse.ask("Page.enable")
                    await browse.ask("Page.addScriptToEvaluateOnNewDocument",
                                     source=f"localStorage.hassTokens = {json.dumps(tokens)}")
                    await browse.ask("Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT,
                                     deviceScaleFactor=1, mobile=False)
                    await browse.ask("Page.navigate", url=page)
                    # Its parts come one after the other; what does not change any more is whole.
                    before = None
                    for _ in range(40):
                        await asyncio.sleep(3)
                        shot = (await browse.ask("Page.captureScreenshot", format="png"))["data"]
                        if shot == before and len(shot) > 60_000:
                            break
                        before = shot
                    pathlib.Path(file).write_bytes(base64.b64decode(shot))
        finally:
            browser.kill()
            browser.wait()


asyncio.run(main(*sys.argv[1:]))
