import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.io.ByteArrayInputStream;

/** Calls a trigger as Java programs do: with the defaults of java.net.http.HttpClient. */
public class Call {
    public static void main(String[] args) throws Exception {
        var client = HttpClient.newHttpClient();
        var body = "x".repeat(Integer.parseInt(args[1]));
        var publishers = new HttpRequest.BodyPublisher[] {
            BodyPublishers.ofString(body),
            BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body.getBytes())),
        };
        for (var publisher : publishers) {
            var request = HttpRequest.newBuilder(URI.create(args[0])).POST(publisher).build();
            var response = client.send(request, BodyHandlers.ofString());
            System.out.println(response.statusCode() + " " + response.version());
        }
    }
}
