using System.Text.Json;
using Microsoft.AspNetCore.Http;
using SK.FasterVlm.Server.Media;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Requests;

/// <summary>What all endpoints that answer do: take a place, read, check, fetch images, and then answer within the time limit.</summary>
sealed class RequestPipeline(ServedModel model, Admission admission, RemoteImages images, TimeProvider time)
{
    /// <summary>The model behind the endpoints.</summary>
    public ServedModel Model => model;

    /// <summary>Runs one request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="names">What the endpoint calls its parameters.</param>
    /// <param name="read">Reads the body; nothing of it may be kept.</param>
    /// <param name="answer">Answers.</param>
    public async Task RunAsync(
        HttpContext context, ParameterNames names, Func<JsonElement, ContentReader, ServedRequest> read, Func<ServedRequest, RequestTime, Task> answer)
    {
        FasterVlmServerOptions options = model.Server;
        using Admission.Place place = admission.Enter();
        using RequestTime life = new(context, options.RequestTimeout, time, names);
        try
        {
            ServedRequest request;
            ContentReader content = new(options, model);
            using (RequestBody body = await RequestBody.ReadAsync(context.Request, options, place, time, life.Token).ConfigureAwait(false))
                life.Request = request = read(body.Root, content);
            model.RequireName(request.Model);
            model.RequireRoomFor(request.Choices);
            await content.FetchAsync(images, place, life.Token).ConfigureAwait(false);
            await answer(request, life).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (ApiException or ClientGoneException) && !context.RequestAborted.IsCancellationRequested)
        {
            throw life.ToApiError(e);
        }
    }
}
