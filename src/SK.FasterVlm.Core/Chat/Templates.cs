namespace SK.FasterVlm.Chat;

/// <summary>
/// LLaVA-1.5 (conversation <c>vicuna_v1</c> of the reference code):
/// <c>{system} USER: &lt;image&gt;\n{text} ASSISTANT: {answer}&lt;/s&gt;USER: ...</c>
/// </summary>
sealed class VicunaTemplate : ChatTemplate
{
    public override string Name => "vicuna_v1";

    public override string? DefaultSystem =>
        "A chat between a curious user and an artificial intelligence assistant. "
        + "The assistant gives helpful, detailed, and polite answers to the user's questions.";

    private protected override void Write(PromptWriter prompt, string system, bool isDefaultSystem, IReadOnlyList<ChatTurn> turns)
    {
        if (system.Length > 0) prompt.System(system, isDefaultSystem).Plain(" ");
        for (int i = 0; i < turns.Count; i++)
        {
            if (turns[i].Role == ChatTurnRole.User)
            {
                prompt.Plain("USER: ").Content(turns[i]).Plain(" ASSISTANT:");
                continue;
            }
            if (i == 0) prompt.Plain("ASSISTANT:");
            prompt.Said(turns[i], " ").Special("</s>");
        }
    }
}

/// <summary>
/// LLaVA-1.6 on Mistral-7B-Instruct-v0.2 (conversation <c>mistral_instruct</c>):
/// <c>[INST] &lt;image&gt;\n{text} [/INST] {answer} &lt;/s&gt;[INST] ...</c>; a system text goes into the first instruction.
/// </summary>
sealed class MistralTemplate : ChatTemplate
{
    public override string Name => "llava-1.6-mistral";

    public override string? DefaultSystem => null;

    private protected override void Write(PromptWriter prompt, string system, bool isDefaultSystem, IReadOnlyList<ChatTurn> turns)
    {
        bool systemWritten = system.Length == 0;
        foreach (ChatTurn turn in turns)
        {
            if (turn.Role == ChatTurnRole.Assistant)
            {
                prompt.Said(turn, " ", " ").Special("</s>");
                continue;
            }
            prompt.Plain("[INST] ");
            if (!systemWritten) prompt.Plain("<<SYS>>\n").System(system, isDefaultSystem).Plain("\n<</SYS>>\n\n");
            systemWritten = true;
            prompt.Content(turn).Plain(" [/INST]");
        }
    }
}

/// <summary>
/// LLaVA-1.6-34B (conversation <c>chatml_direct</c>): ChatML without a line break after <c>&lt;|im_end|&gt;</c>, which is what that
/// model was trained on.
/// </summary>
sealed class ChatMlTemplate : ChatTemplate
{
    public override string Name => "chatml";

    public override string? DefaultSystem => "Answer the questions.";

    private protected override void Write(PromptWriter prompt, string system, bool isDefaultSystem, IReadOnlyList<ChatTurn> turns)
    {
        if (system.Length > 0) prompt.Special("<|im_start|>").Plain("system\n").System(system, isDefaultSystem).Special("<|im_end|>");
        foreach (ChatTurn turn in turns)
        {
            prompt.Special("<|im_start|>").Plain(turn.Role == ChatTurnRole.User ? "user\n" : "assistant\n");
            prompt.Content(turn).Special("<|im_end|>");
        }
        prompt.Special("<|im_start|>").Plain("assistant\n");
    }
}

/// <summary>Llama-3-Instruct, as used by the LLaVA models built on it.</summary>
sealed class Llama3Template : ChatTemplate
{
    public override string Name => "llama-3";

    public override string? DefaultSystem => null;

    private protected override void Write(PromptWriter prompt, string system, bool isDefaultSystem, IReadOnlyList<ChatTurn> turns)
    {
        if (system.Length > 0) Header(prompt, "system").System(system, isDefaultSystem).Special("<|eot_id|>");
        foreach (ChatTurn turn in turns)
            Header(prompt, turn.Role == ChatTurnRole.User ? "user" : "assistant").Content(turn).Special("<|eot_id|>");
        Header(prompt, "assistant");
    }

    static PromptWriter Header(PromptWriter prompt, string role) =>
        prompt.Special("<|start_header_id|>").Plain(role).Special("<|end_header_id|>").Plain("\n\n");
}

/// <summary>
/// Phi-3-Instruct. Its special tokens swallow the white space after them, so the line break belongs to the marker and is left to the
/// library's tokenizer.
/// </summary>
sealed class Phi3Template : ChatTemplate
{
    public override string Name => "phi-3";

    public override string? DefaultSystem => null;

    private protected override void Write(PromptWriter prompt, string system, bool isDefaultSystem, IReadOnlyList<ChatTurn> turns)
    {
        if (system.Length > 0) prompt.Special("<|system|>\n").System(system, isDefaultSystem).Special("<|end|>\n");
        foreach (ChatTurn turn in turns)
            prompt.Special(turn.Role == ChatTurnRole.User ? "<|user|>\n" : "<|assistant|>\n").Content(turn).Special("<|end|>\n");
        prompt.Special("<|assistant|>\n");
    }
}
