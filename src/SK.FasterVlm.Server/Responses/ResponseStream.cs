using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Server.ChatCompletions;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.Responses;

/// <summary>Writes a response as events: every item is announced, filled and closed; the last event carries the whole response.</summary>
sealed class ResponseStream(HttpContext context, ServedRequest request, ServedModel model, ResponseEcho echo)
    : IStreamWriter<ChatResponseUpdate>
{
    readonly ResponseBuilder _response = new(request, model, echo);
    readonly StringBuilder _text = new();
    readonly List<TokenLogProbability> _tokens = [], _pending = [];
    string? _message;
    int _sequence;

    /// <summary>Runs the request.</summary>
    public Task RunAsync(RequestTime time) => StreamedAnswer.RunAsync(
        context, model.Client.GetStreamingResponseAsync(request.Messages, request.Options, time.Token), this, time, model.Server.StreamKeepAlive);

    async Task IStreamWriter<ChatResponseUpdate>.BeginAsync(EventStream events)
    {
        await SendAsync(events, New("response.created") with { Response = _response.Begun() }).ConfigureAwait(false);
        await SendAsync(events, New("response.in_progress") with { Response = _response.Begun() }).ConfigureAwait(false);
    }

    Task IStreamWriter<ChatResponseUpdate>.WriteAsync(EventStream events, ChatResponseUpdate piece) => SendAsync(events, piece);

    Task IStreamWriter<ChatResponseUpdate>.FailAsync(EventStream events, ApiException error) =>
        SendAsync(events, New("response.failed") with { Response = _response.Failed(error) });

    async Task SendAsync(EventStream events, ChatResponseUpdate update)
    {
        _response.Note(update.FinishReason, update.AdditionalProperties, update.Contents.OfType<UsageContent>().LastOrDefault()?.Details);
        _pending.AddRange(ChatLogprobs.Tokens(update.AdditionalProperties) ?? []);
        foreach (AIContent content in update.Contents)
        {
            switch (content)
            {
                case TextContent { Text.Length: > 0 } text:
                    await SendAsync(events, text.Text).ConfigureAwait(false);
                    break;
                case FunctionCallContent call:
                    await CloseMessageAsync(events).ConfigureAwait(false);
                    await SendAsync(events, call).ConfigureAwait(false);
                    break;
            }
        }
    }

    async Task SendAsync(EventStream events, string text)
    {
        if (_message is null) await OpenMessageAsync(events).ConfigureAwait(false);
        _text.Append(text);
        ResponseEvent delta = InMessage("response.output_text.delta") with { Delta = text, Logprobs = ChatLogprobs.Of(_pending)!.Content };
        _tokens.AddRange(_pending);
        _pending.Clear();
        await SendAsync(events, delta).ConfigureAwait(false);
    }

    async Task OpenMessageAsync(EventStream events)
    {
        _message = ResponseBuilder.NewId("msg");
        OutputItem item = new("message", _message, "in_progress") { Role = "assistant", Content = [] };
        await SendAsync(events, New("response.output_item.added") with { OutputIndex = _response.Output.Count, Item = item }).ConfigureAwait(false);
        await SendAsync(events, InMessage("response.content_part.added") with { Part = OutputText.Of("", null) }).ConfigureAwait(false);
    }

    async Task CloseMessageAsync(EventStream events)
    {
        if (_message is not { } id) return;
        _tokens.AddRange(_pending);
        OutputItem item = _response.Message(id, _text.ToString(), _tokens);
        OutputText part = item.Content![0];
        await SendAsync(events, InMessage("response.output_text.done") with { Text = part.Text, Logprobs = part.Logprobs }).ConfigureAwait(false);
        await SendAsync(events, InMessage("response.content_part.done") with { Part = part }).ConfigureAwait(false);
        await SendAsync(events, New("response.output_item.done") with { OutputIndex = _response.Output.Count, Item = item }).ConfigureAwait(false);
        _response.Add(item);
        _message = null;
        _text.Clear();
        _tokens.Clear();
        _pending.Clear();
    }

    async Task SendAsync(EventStream events, FunctionCallContent call)
    {
        string id = ResponseBuilder.NewId("fc");
        int index = _response.Output.Count;
        OutputItem item = ResponseBuilder.Call(id, call);
        ResponseEvent of = New("") with { ItemId = id, OutputIndex = index };
        await SendAsync(events, New("response.output_item.added") with { OutputIndex = index, Item = ResponseBuilder.Call(id, call, begun: true) }).ConfigureAwait(false);
        await SendAsync(events, of with { Type = "response.function_call_arguments.delta", Delta = item.Arguments }).ConfigureAwait(false);
        await SendAsync(events, of with { Type = "response.function_call_arguments.done", Name = item.Name, Arguments = item.Arguments }).ConfigureAwait(false);
        await SendAsync(events, New("response.output_item.done") with { OutputIndex = index, Item = item }).ConfigureAwait(false);
        _response.Add(item);
    }

    async Task IStreamWriter<ChatResponseUpdate>.EndAsync(EventStream events)
    {
        if (_message is null && _response.Output.Count == 0) await OpenMessageAsync(events).ConfigureAwait(false);
        await CloseMessageAsync(events).ConfigureAwait(false);
        ResponseObject ended = _response.Ended();
        await SendAsync(events, New($"response.{ended.Status}") with { Response = ended }).ConfigureAwait(false);
    }

    static ResponseEvent New(string type) => new(type, 0);

    ResponseEvent InMessage(string type) => New(type) with { ItemId = _message, OutputIndex = _response.Output.Count, ContentIndex = 0 };

    // Numbered as they are sent.
    Task SendAsync(EventStream events, ResponseEvent sent) =>
        events.SendAsync(sent with { SequenceNumber = _sequence++ }, ApiJson.Wire.ResponseEvent, sent.Type);
}
