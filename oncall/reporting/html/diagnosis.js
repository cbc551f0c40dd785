// All that the page does where scripts run: a button beside each command and text to post, and keys for pytest-html's table.
(() => {
  "use strict";

  const select = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  const copy = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      select(code);
      if (!document.execCommand("copy")) throw new Error("not allowed");
    }
  };

  for (const block of document.querySelectorAll(".oncall:not(.oncall--foreign) pre.oncall-command, pre.oncall-post")) {
    const code = block.querySelector("code");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "oncall-copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", block.className === "oncall-post" ? "Copy this text" : "Copy this command");
    button.addEventListener("click", () => {
      copy(code).then(
        () => { button.textContent = "Copied"; },
        () => { select(code); button.textContent = "Selected"; },
      ).then(() => setTimeout(() => { button.textContent = "Copy"; }, 2000));
    });
    block.append(button);
  }

  // pytest-html draws its table anew at every click, and listens to the mouse only.
  const keyed = () => {
    document.querySelectorAll("#results-table th.sortable, #results-table td.col-result, #environment-header").forEach((cell) => {
      cell.tabIndex = 0;
    });
    document.querySelectorAll('input[name="filter_checkbox"]').forEach((box) => {
      box.setAttribute("aria-label", `Show ${box.dataset.testResult}`);
    });
  };
  const reachable = () => [...document.querySelectorAll("#results-table [tabindex]")];
  document.addEventListener("keydown", (event) => {
    const cell = event.target.closest("#results-table [tabindex], #environment-header");
    if (!cell || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    const place = reachable().indexOf(cell);
    cell.click();
    keyed();
    reachable()[place]?.focus();
  });
  new MutationObserver(keyed).observe(document.body, { childList: true });
  keyed();
})();
