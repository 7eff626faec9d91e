using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.ChatCompletions;

/// <summary>Writes an answer as chunks: role, pieces and finish reason of every choice, usage, <c>[DONE]</c>.</summary>
sealed class ChatStream(HttpContext context, ServedRequest request, ServedModel model) : IStreamWriter<(int Choice, ChatResponseUpdate Update)>
{
    const string Kind = "chat.completion.chunk";

    readonly string _id = ChatAnswers.NewId();
    readonly long _created = model.Now;
    readonly ChoiceState[] _choices = [.. Enumerable.Range(0, request.Choices).Select(static i => new ChoiceState(i))];

    /// <summary>Runs the request.</summary>
    public Task RunAsync(RequestTime time) =>
        StreamedAnswer.RunAsync(context, Choices.StreamAsync(model.Client, request, time.Token), this, time, model.Server.StreamKeepAlive);

    async Task IStreamWriter<(int Choice, ChatResponseUpdate Update)>.BeginAsync(EventStream events)
    {
        foreach (ChoiceState choice in _choices)
            await SendAsync(events, choice, new ChunkDelta { Role = "assistant", Content = "" }).ConfigureAwait(false);
    }

    Task IStreamWriter<(int Choice, ChatResponseUpdate Update)>.WriteAsync(EventStream events, (int Choice, ChatResponseUpdate Update) piece) =>
        SendAsync(events, _choices[piece.Choice], piece.Update);

    Task IStreamWriter<(int Choice, ChatResponseUpdate Update)>.FailAsync(EventStream events, ApiException error) =>
        events.SendAsync(ErrorEnvelope.Of(error), ApiJson.Wire.ErrorEnvelope);

    async Task SendAsync(EventStream events, ChoiceState choice, ChatResponseUpdate update)
    {
        choice.Finish = update.FinishReason ?? choice.Finish;
        choice.Properties = update.AdditionalProperties ?? choice.Properties;
        choice.Tokens.AddRange(ChatLogprobs.Tokens(update.AdditionalProperties) ?? []);
        foreach (AIContent content in update.Contents)
        {
            switch (content)
            {
                case TextContent { Text.Length: > 0 } text:
                    await SendAsync(events, choice, new ChunkDelta { Content = text.Text }).ConfigureAwait(false);
                    break;
                case FunctionCallContent call:
                    await SendAsync(events, choice, call).ConfigureAwait(false);
                    break;
                case UsageContent usage:
                    choice.Usage = usage.Details;
                    break;
            }
        }
    }

    /// <summary>A call: id, type and name first, then the arguments, as clients expect it.</summary>
    async Task SendAsync(EventStream events, ChoiceState choice, FunctionCallContent call)
    {
        int index = choice.Calls++;
        await SendAsync(events, choice, new ChunkDelta { ToolCalls = [new(index, call.CallId, "function", new(call.Name, ""))] }).ConfigureAwait(false);
        await SendAsync(events, choice, new ChunkDelta { ToolCalls = [new(index, null, null, new(null, CallArguments.Write(call.Arguments)))] })
            .ConfigureAwait(false);
    }

    async Task IStreamWriter<(int Choice, ChatResponseUpdate Update)>.EndAsync(EventStream events)
    {
        UsageDetails? usage = ChatAnswers.Sum(_choices.Select(static c => c.Usage));
        foreach (ChoiceState choice in _choices)
        {
            OwnReport? report = choice.Index == 0 ? OwnReport.Of(usage, choice.Properties, request.Statistics) : null;
            await SendAsync(events, choice, new ChunkDelta(), ChatAnswers.Finish(choice.Finish, choice.Calls > 0), report).ConfigureAwait(false);
        }
        if (request.IncludeUsage)
        {
            ChatChunkWithUsage last = new(_id, Kind, _created, model.Id, [], "default", model.Fingerprint, ChatAnswers.Usage(usage));
            await events.SendAsync(last, ApiJson.Wire.ChatChunkWithUsage).ConfigureAwait(false);
        }
        await events.DoneAsync().ConfigureAwait(false);
    }

    Task SendAsync(EventStream events, ChoiceState choice, ChunkDelta delta, string? finish = null, OwnReport? report = null)
    {
        // Tokens that ended within a character have no text of their own yet; they go along with the text that completes it.
        ChatLogprobs? logprobs = choice.Tokens.Count > 0 && (delta.Content is { Length: > 0 } || finish is not null) ? ChatLogprobs.Of([.. choice.Tokens]) : null;
        if (logprobs is not null) choice.Tokens.Clear();
        ChunkChoice[] choices = [new(choice.Index, delta, logprobs, finish)];
        return request.IncludeUsage
            ? events.SendAsync(
                new ChatChunkWithUsage(_id, Kind, _created, model.Id, choices, "default", model.Fingerprint, null) { Fastervlm = report },
                ApiJson.Wire.ChatChunkWithUsage)
            : events.SendAsync(
                new ChatChunk(_id, Kind, _created, model.Id, choices, "default", model.Fingerprint) { Fastervlm = report }, ApiJson.Wire.ChatChunk);
    }

    /// <summary>What is known so far of one choice.</summary>
    sealed class ChoiceState(int index)
    {
        public int Index => index;

        public ChatFinishReason? Finish { get; set; }

        public AdditionalPropertiesDictionary? Properties { get; set; }

        public UsageDetails? Usage { get; set; }

        public int Calls { get; set; }

        public List<TokenLogProbability> Tokens { get; } = [];
    }
}
