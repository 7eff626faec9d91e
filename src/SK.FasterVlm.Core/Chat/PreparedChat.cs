using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat.Tools;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Chat;

/// <summary>A conversation ready to be answered.</summary>
/// <param name="Request">For the generator.</param>
/// <param name="Form">What the answer looks like.</param>
sealed record PreparedChat(GenerationRequest Request, AnswerForm Form)
{
    /// <summary>Checks the options and builds the prompt.</summary>
    public static PreparedChat Create(FasterVlmModel model, IChatClient client, IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (options is not null) ChatOptionsReader.CheckSupported(options, model.ModelId);
        FasterVlmRequestOptions extra = ChatOptionsReader.Extra(options, client);
        AnswerForm form = AnswerForm.From(options, extra.ToolFormat ?? model.ToolFormat);
        List<ChatMessage> conversation = [.. messages];
        bool hasTools = options?.Tools is { Count: > 0 }
            || conversation.Any(static m => m.Contents.Any(static c => c is FunctionCallContent or FunctionResultContent));
        BuiltPrompt prompt = PromptBuilder.Build(
            model.Template, conversation, options?.Instructions, model.Options.MaxImages, hasTools ? form.Format : null, form.Instructions);
        return new PreparedChat(
            new GenerationRequest
            {
                Prompt = prompt.Segments,
                Images = prompt.Images,
                Sampling = ChatOptionsReader.Sampling(options, extra) with { Grammar = form.Grammar },
                TopLogProbabilities = ChatOptionsReader.TopLogProbabilities(extra),
                MaxOutputTokens = ChatOptionsReader.MaxOutputTokens(options, model.Options.MaxOutputTokens),
                Stop = ChatOptionsReader.Stop(options),
                Budget = extra.VisualTokens ?? prompt.Detail?.Budget() ?? model.Options.VisualTokens,
                Selector = extra.Selector ?? model.Selector,
                SelectorSeed = extra.SelectorSeed ?? 0,
                Views = extra.Views,
                ImageProgress = extra.ImageProgress,
            },
            form);
    }
}
